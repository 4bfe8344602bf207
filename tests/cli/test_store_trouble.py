"""A store that is full, read-only, foreign, newer or not there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, ran

RUN = ("run", "tasks.py:slow", "--input", "in.jsonl", "-c", "50")

LIMITED = (
    sys.executable,
    "-c",
    """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execv(sys.argv[2], sys.argv[2:])
""",
)
"""Runs the rest with files that cannot grow beyond so many bytes."""


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MiB, and a way to make it larger."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_ends_the_run_and_room_lets_it_go_on(tasks, small_disk):
    tasks.rows("in.jsonl", 6_000)
    store = small_disk / "stook.db"
    said = tasks.fails(4, *RUN, "--store", store)
    assert said.startswith("no room left on the disk of ")
    batch = tasks.batch(STOOK_URL=str(store))
    kept = len(tasks("results", batch["id"], "--as-settled", "--store", store).stdout.splitlines())
    assert batch["succeeded"] == kept < 6_000
    verdicts = {line["check"]: line["verdict"] for line in tasks.documents("doctor", "--store", store, code=1)}
    assert (verdicts["disk"], verdicts["counters"]) == ("wrong", "ok")
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    # What the first one held is free at once, not when its leases have run out after a minute.
    tasks(*RUN, "--store", store, patience=50)
    assert tasks.batch(STOOK_URL=str(store))["succeeded"] == 6_000
    assert set(ran(tasks)) == set(range(6_000))


@pytest.mark.parametrize("limit", [4096, 300_000, 1_000_000])
def test_a_file_that_may_not_grow(tasks, limit):
    tasks.rows("in.jsonl", 6_000)
    said = tasks.fails(4, *RUN, prefix=(*LIMITED, str(limit)))
    assert "stook.db cannot be written further" in said
    assert "ulimit -f" in said
    tasks(*RUN, "--output", "out.jsonl")
    assert [row["result"] for row in tasks.lines("out.jsonl")] == list(range(6_000))
    assert tasks.documents("doctor")


def test_no_room_for_the_output_keeps_the_results(tasks, small_disk):
    tasks.rows("in.jsonl", 20_000)
    output = small_disk / "out.jsonl"
    done = tasks("run", "tasks.py:double", "--input", "in.jsonl", "--output", output, code=4)
    assert "no space left to write" in done.stderr
    assert "stook results" in done.stderr
    assert not list(small_disk.iterdir())
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    tasks("results", "tasks.double", "--output", output)
    assert len(output.read_text().splitlines()) == 20_000


def test_a_store_that_a_newer_program_made(tasks):
    tasks.rows("in.jsonl", 3)
    tasks(*RUN)
    with sqlite3.connect(tasks.folder / "stook.db") as connection:
        connection.execute("pragma user_version = 999")
    for words in (RUN, ("batches",), ("show", "tasks.slow")):
        assert "has schema 999" in tasks.fails(4, *words)


def test_a_file_that_is_no_store(tasks):
    tasks.rows("in.jsonl", 3)
    tasks.write("stook.db", "This is a letter, and a long one. " * 100)
    for words in (RUN, ("batches",)):
        assert "is not a stook database" in tasks.fails(4, *words)
    assert not ran(tasks)


def test_a_folder_in_the_place_of_the_store(tasks):
    tasks.rows("in.jsonl", 3)
    assert "stook: " not in tasks.fails(4, *RUN, "--store", tasks.folder)


def test_a_folder_that_does_not_exist(tasks):
    tasks.rows("in.jsonl", 3)
    assert "--store" in tasks.fails(4, *RUN, "--store", "no/such/folder/stook.db")


@pytest.fixture
def nobody():
    """A `Cli` whose user has no rights but to read, and a prefix that makes it that user where root runs the tests."""
    prefix = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups") if os.getuid() == 0 else ()
    if prefix and shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and setpriv is not there")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to others
        cli = Cli(Path(folder))
        cli.write("plain.py", "def plain(row): return 1\n")
        cli.rows("in.jsonl", 3)
        (cli.folder / "open").mkdir()
        for path, mode in ((cli.folder, 0o555), (cli.folder / "tmp", 0o777), (cli.folder / "open", 0o777)):
            path.chmod(mode)
        if cli("--version", prefix=prefix, code=None).returncode:
            pytest.skip("that user cannot run this Python")
        yield cli, prefix
        cli.folder.chmod(0o755)


def test_a_folder_that_may_not_be_written(nobody):
    cli, prefix = nobody
    words = ("run", "plain.py:plain", "--input", "in.jsonl")
    assert "cannot write" in cli.fails(4, *words, prefix=prefix)
    said = cli.fails(4, *words, "--store", "open/stook.db", "--output", "out.jsonl", prefix=prefix)
    assert said.startswith("out.jsonl: cannot be written")
    cli(*words, "--store", "open/stook.db", "--output", "open/out.jsonl", prefix=prefix)


def test_a_store_that_may_only_be_read(nobody):
    cli, prefix = nobody
    words = ("run", "plain.py:plain", "--input", "in.jsonl", "--store", "open/stook.db")
    cli(*words, prefix=prefix)
    for path in (cli.folder / "open").iterdir():
        path.chmod(0o444)
    (cli.folder / "open").chmod(0o555)
    cli(*words, prefix=prefix)
    cli("batches", "--store", "open/stook.db", prefix=prefix)
    assert "cannot write" in cli.fails(4, *words, "--name", "anew", prefix=prefix)
    assert "cannot write" in cli.fails(4, "delete", "plain.plain", "--yes", "--store", "open/stook.db", prefix=prefix)


def test_commands_that_look_make_no_store(cli):
    for words in (("batches",), ("show", "x"), ("doctor",), ("retry", "x", "--failed")):
        done = cli(*words, code=4)
        assert f"there is no store at {cli.folder / 'stook.db'}" in done.stderr + done.stdout
        assert not (cli.folder / "stook.db").exists()


NOWHERE = "postgresql://nobody:secret@127.0.0.1:1/none"


@pytest.mark.parametrize("words", [RUN, ("batches",), ("worker", "tasks.py")], ids=lambda words: words[0])
def test_a_database_server_that_is_away_is_waited_for_until_ctrl_c(tasks, words):
    tasks.rows("in.jsonl", 3)
    with tasks.started(*words, "--store", NOWHERE) as process:
        said = process.stderr.readline()
        assert said.startswith("stook: no server answers for PostgreSQL at 127.0.0.1:1, database none; waiting")
        assert "secret" not in said
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert process.stderr.read() == "stook: interrupted\n"


def test_the_doctor_does_not_wait_for_a_server(tasks):
    done = tasks("doctor", "--json", "--store", NOWHERE, code=4)
    found = [json.loads(line) for line in done.stdout.splitlines()][-1]
    assert (found["check"], found["verdict"]) == ("store", "wrong")
    assert "127.0.0.1:1" in found["text"]
    assert "secret" not in done.stdout
    assert not done.stderr  # no word of waiting


def test_a_reader_that_goes_away_is_no_error_to_talk_about(tasks):
    tasks.rows("in.jsonl", 5000)
    tasks("run", "tasks.py:double", "--input", "in.jsonl")
    with tasks.started("results", "tasks.double") as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait() == 141
        assert process.stderr.read() == ""


def test_standard_output_that_is_full(tasks):
    tasks.rows("in.jsonl", 3)
    tasks("run", "tasks.py:double", "--input", "in.jsonl")
    with Path("/dev/full").open("w") as full:
        for words in (("batches",), ("results", "tasks.double")):
            done = subprocess.run(
                [sys.executable, "-m", "stook", *words],
                cwd=tasks.folder,
                env=tasks.environment,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
            assert done.returncode == 4
            assert "Traceback" not in done.stderr
            assert done.stderr.startswith("stook: ")
