"""Commands on a server's batches say and do what they do on the store itself."""

from __future__ import annotations

import json
import re
import signal

import pytest

from stook.cli import main
from stook.client import remote_session
from tests.cli.conftest import ran, until
from tests.server.serving import serving


@pytest.fixture
def done(tasks):
    """A batch of ten, five of which have failed."""
    tasks.rows("in.jsonl", 10)
    tasks("run", "tasks.py:odd_fails", "--input", "in.jsonl", "--name", "monday", "--key", "name", code=1)
    return tasks


@pytest.fixture
def server(cli, monkeypatch):
    """Of the store in the folder."""
    monkeypatch.setenv("STOOK_SYNCHRONOUS", "off")
    with serving(f"sqlite:///{cli.folder / 'stook.db'}") as made:
        cli.environment["STOOK_KEY"] = made.secret
        yield made


LOOKS = [
    ("batches",),
    ("batches", "--json"),
    ("batches", "--state", "expired"),
    ("batches", "--name", "MON", "--task", "tasks.odd_fails", "--limit", "1", "--json"),
    ("show", "monday"),
    ("show", "monday", "--json"),
    ("show", "monday", "--item", "1"),
    ("show", "monday", "--item", "n3", "--json"),
    ("watch", "monday"),
    ("watch", "monday", "--json"),
    ("failures", "monday"),
    ("failures", "monday", "--json"),
    ("failures", "monday", "--traceback"),
    ("failures", "monday", "--traceback", "--json"),
    ("results", "monday"),
    ("results", "monday", "--format", "csv"),
    ("results", "monday", "--as-settled"),
    ("results", "monday", "--follow", "--state", "failed"),
]


def test_looking_shows_the_same(done, server, monkeypatch, capfd):
    monkeypatch.chdir(done.folder)
    monkeypatch.setenv("STOOK_KEY", server.secret)
    mark = done.documents("failures", "monday")[0]["fingerprint"]
    for words in [*LOOKS, ("failures", "monday", "--group", mark[:6], "--limit", "3")]:
        here = main(words), *capfd.readouterr()
        there = main([*words, "--server", server.url]), *capfd.readouterr()
        assert there == here, words
        assert there[1], words


def test_a_results_file(done, server):
    done("results", "monday", "-o", "here.parquet")
    told = done("results", "monday", "-o", "there.parquet", "--server", server.url).stderr
    assert told == "stook: 10 rows written to there.parquet\n"
    assert (done.folder / "there.parquet").read_bytes() == (done.folder / "here.parquet").read_bytes()


def test_a_batch_answers_to_its_id_its_name_its_key_and_the_id_of_an_item(done, server):
    done.environment["STOOK_SERVER"] = server.url
    batch = done.batch()
    item = done.documents("show", "monday", "--item", "3")[0]["id"]
    names = (batch["id"], "monday", batch["key"], item)
    assert {done.documents("show", one)[0]["id"] for one in names} == {batch["id"]}


def test_acting_does_the_same(done, server):
    there = ("--server", server.url)
    assert done("retry", "monday", "--index", "1", "--index", "3", *there).stdout.splitlines()[0] == (
        "2 executions queued again"
    )
    assert re.search(r"paused: 5 of 10 succeeded, 3 failed, 2 queued", done("pause", "monday", *there).stdout)
    assert done("resume", "monday", "--no-ramp", *there).stdout.splitlines()[0].endswith("2 queued")
    assert done("cancel", "monday", "--index", "1", "--index", "0", *there).stdout.splitlines()[0] == (
        "1 cancelled, 0 being stopped, 1 had ended"
    )
    document = json.loads(done("cancel", "monday", "--json", *there).stdout)
    assert (document["state"], document["cancelled"], document["project"]) == ("cancelled", 2, "default")
    group = done.documents("failures", "monday", *there)[0]["fingerprint"]
    probed = done("retry", "monday", "--group", group[:8], "--probe", "1", *there).stdout
    assert probed.startswith("1 execution queued again\n")
    done("cancel", "monday", *there)
    assert done("delete", "monday", "--yes", *there).stdout == f"{document['id']}  deleted\n"
    assert done("batches").stdout == "no batches\n"


def test_watching_a_batch_that_runs(tasks, server):
    tasks.rows("in.jsonl", 6)
    with tasks.started("run", "tasks.py:gated", "--input", "in.jsonl", "--name", "slow"):
        until(lambda: len(ran(tasks)) == 6, "the work")
        with tasks.started("watch", "slow", "--json", "--server", server.url) as watching:
            first = json.loads(watching.stdout.readline())
            assert (first["state"], first["running"]) == ("running", 6)
            (tasks.folder / "gate").touch()
            output, _ = watching.communicate(timeout=60)
        assert json.loads(output.splitlines()[-1])["state"] == "succeeded"
        assert watching.returncode == 0


def test_following_results_of_a_batch_that_runs(tasks, server):
    tasks.rows("in.jsonl", 6)
    with tasks.started("run", "tasks.py:gated", "--input", "in.jsonl", "--name", "slow"):
        until(lambda: len(ran(tasks)) == 6, "the work")
        with tasks.started("results", "slow", "--follow", "--server", server.url) as following:
            (tasks.folder / "gate").touch()
            output, _ = following.communicate(timeout=60)
    assert sorted(json.loads(line)["result"] for line in output.splitlines()) == list(range(6))
    assert following.returncode == 0


def test_ctrl_c_ends_the_watching(tasks, server):
    tasks.rows("in.jsonl", 1)
    with tasks.started("run", "tasks.py:gated", "--input", "in.jsonl", "--name", "slow"):
        until(lambda: ran(tasks), "the work")
        with tasks.started("watch", "slow", "--json", "--server", server.url) as watching:
            watching.stdout.readline()
            watching.send_signal(signal.SIGINT)
            _, told = watching.communicate(timeout=60)
        assert (watching.returncode, told) == (130, "stook: interrupted\n")


def test_what_cannot_be_is_said_in_a_line(done, server):
    there = ("--server", server.url)
    assert "two places" in done.fails(2, "batches", *there, "--store", "x.db")
    assert "key's project" in done.fails(2, "batches", *there, "--project", "x")
    assert "--key is for a server" in done.fails(2, "batches", "--key", "stk_x")
    assert "is no address (like http://" in done.fails(2, "batches", "--server", "ftp://x")
    assert server.url in done.fails(2, "batches", *there, "--key", "stk_a_b")
    told = done.fails(2, "show", "mondax", *there)
    assert "mondax" in told
    assert "did you mean 'monday'?" in told
    assert "has no item 10" in done.fails(2, "show", "monday", "--item", "10", *there)
    assert "deletes without asking" in done.fails(2, "delete", "monday", *there)
    done("retry", "monday", "--failed", *there)
    assert done.fails(2, "delete", "monday", "--yes", *there)


def test_a_server_that_is_not_there(done, monkeypatch, capfd):
    monkeypatch.setattr(remote_session, "_PATIENCE", 0.2)
    monkeypatch.chdir(done.folder)
    monkeypatch.setenv("STOOK_SERVER", "http://127.0.0.1:9")
    assert main(["batches"]) == 4
    output, told = capfd.readouterr()
    assert output == ""
    assert told.startswith("stook: http://127.0.0.1:9: no answer: ")
    assert main(["batches", "--store", "stook.db"]) == 0  # an option goes before the environment
    assert "monday" in capfd.readouterr().out
