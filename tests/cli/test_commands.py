"""Looking at batches, and acting on them: for people and for programs."""

from __future__ import annotations

import csv
import io
import json
import signal

import pytest

from tests.cli.conftest import ran, until


@pytest.fixture
def done(tasks):
    """A batch of ten, five of which have failed."""
    tasks.rows("in.jsonl", 10)
    tasks("run", "tasks.py:odd_fails", "--input", "in.jsonl", "--name", "monday", "--key", "name", code=1)
    return tasks


def test_batches(done):
    done("run", "tasks.py:double", "--input", "in.jsonl")
    newest, oldest = done.documents("batches")
    assert (newest["task"], oldest["task"]) == ("tasks.double", "tasks.odd_fails")
    assert (oldest["name"], oldest["state"], oldest["total"], oldest["failed"]) == ("monday", "partially_failed", 10, 5)
    assert oldest["metadata"] == {"input": "in.jsonl", "items": 10}
    assert oldest["created_at"] <= oldest["started_at"] <= oldest["finished_at"]
    assert [one["name"] for one in done.documents("batches", "--task", "tasks.odd_fails")] == ["monday"]
    assert [one["name"] for one in done.documents("batches", "--name", "MON")] == ["monday"]
    assert [one["state"] for one in done.documents("batches", "--state", "succeeded", "--state", "open")] == [
        "succeeded"
    ]
    assert len(done.documents("batches", "--limit", "1")) == 1
    table = done("batches").stdout
    assert newest["id"] in table
    assert "partially_failed" in table
    assert done("batches", "--project", "other").stdout == "no batches\n"
    assert done("batches", "--state", "expired").stdout == "no such batches\n"


def test_a_batch_answers_to_its_id_its_name_its_key_and_the_id_of_an_item(done):
    batch = done.batch()
    item = done.documents("show", "monday", "--item", "3")[0]["id"]
    assert {done.documents("show", one)[0]["id"] for one in (batch["id"], "monday", batch["key"], item)} == {
        batch["id"]
    }


def test_show(done):
    shown = done.documents("show", "monday")[0]
    assert (shown["succeeded"], shown["failed"], shown["queued"]) == (5, 5, 0)
    assert shown["why"] == ["it has ended: partially_failed"]
    assert [(one["failed"], one["first_index"]) for one in shown["failures"]] == [(5, 1)]
    text = done("show", "monday").stdout
    for told in ("monday", "tasks.odd_fails", "ValueError: 1 is odd", "stook retry"):
        assert told in text


def test_show_one_item_by_index_and_by_key(done):
    for name in ("3", "n3"):
        shown = done.documents("show", "monday", "--item", name)[0]
        assert (shown["index"], shown["key"], shown["state"], shown["input"]) == (
            3,
            "n3",
            "failed",
            {"id": 3, "name": "n3"},
        )
        assert [(one["attempt"], one["error"]["type"]) for one in shown["attempts_made"]] == [(1, "ValueError")]
    text = done("show", "monday", "--item", "3").stdout
    assert "raise ValueError(f\"{row['id']} is odd\")" in text


def test_why_a_batch_does_not_move(done):
    done("retry", "monday", "--failed")
    assert "no worker serves task" in done("show", "monday").stdout
    assert "no worker serves task" in done.documents("show", "monday")[0]["why"][0]


def test_results(done):
    rows = [json.loads(line) for line in done("results", "monday").stdout.splitlines()]
    assert [row["index"] for row in rows] == list(range(10))
    assert {row["index"] for row in rows if row["state"] == "failed"} == {1, 3, 5, 7, 9}
    failed = done("results", "monday", "--state", "failed").stdout.splitlines()
    assert [json.loads(line)["index"] for line in failed] == [1, 3, 5, 7, 9]
    table = list(csv.DictReader(io.StringIO(done("results", "monday", "--format", "csv").stdout)))
    assert [row["input.name"] for row in table] == [f"n{number}" for number in range(10)]
    said = done("results", "monday", "--output", "out.csv").stderr
    assert said == "stook: 10 rows written to out.csv\n"
    assert (done.folder / "out.csv").read_text().startswith("index,key,id,state")


def test_results_as_they_settled(tasks):
    tasks.write("in.jsonl", "".join(f'{{"id": {number}}}\n' for number in range(5)))
    tasks("run", "tasks.py:second_time", "--input", "in.jsonl", "--max-attempts", "2")
    tasks.write(
        "late.py",
        """
        import asyncio
        async def late(row):
            await asyncio.sleep(row["id"] * 0.05)
            return row["id"]
        """,
    )
    tasks.write("down.jsonl", "".join(f'{{"id": {number}}}\n' for number in (3, 2, 1, 0)))
    tasks("run", "late.py:late", "--input", "down.jsonl", "-c", "4")
    rows = tasks("results", "late.late", "--as-settled").stdout.splitlines()
    assert [json.loads(row)["result"] for row in rows] == [0, 1, 2, 3]


def test_results_of_a_batch_that_goes_on(tasks):
    tasks.rows("in.jsonl", 4)
    with tasks.started("run", "tasks.py:gated", "--input", "in.jsonl", "-c", "2") as process:
        until(lambda: len(ran(tasks)) == 2, "two executions")
        now = tasks("results", "tasks.gated")
        assert "the batch is running: 0 of 4 have ended" in now.stderr
        assert {json.loads(line)["state"] for line in now.stdout.splitlines()} == {"running", "queued"}
        with tasks.started("results", "tasks.gated", "--follow") as follower:
            (tasks.folder / "gate").touch()
            text, _ = follower.communicate()
        assert sorted(json.loads(line)["index"] for line in text.splitlines()) == [0, 1, 2, 3]
        assert process.wait() == 0


def test_failures(done):
    group = done.documents("failures", "monday")[0]
    assert (group["type"], group["message"], group["failed"], group["attempts"], group["first_index"]) == (
        "ValueError",
        "1 is odd",
        5,
        5,
        1,
    )
    mark = group["fingerprint"]
    rows = done.documents("failures", "monday", "--group", mark[:5], "--limit", "2")
    assert [(row["index"], row["error"]["message"]) for row in rows] == [(1, "1 is odd"), (3, "3 is odd")]
    assert "traceback" not in rows[0]["error"]
    told = done.documents("failures", "monday", "--traceback")
    assert [row["index"] for row in told] == [1]
    assert "raise ValueError" in told[0]["error"]["traceback"]
    assert mark in done("failures", "monday").stdout
    assert "n3" in done("failures", "monday", "--group", mark).stdout
    assert "raise ValueError" in done("failures", "monday", "--traceback").stdout


def test_nothing_failed(tasks):
    tasks.rows("in.jsonl", 3)
    tasks("run", "tasks.py:double", "--input", "in.jsonl")
    assert tasks("failures", "tasks.double").stdout == "nothing failed\n"
    assert tasks.documents("failures", "tasks.double") == []


@pytest.mark.parametrize(
    ("words", "queued"),
    [
        (("--failed",), 5),
        (("--group", "GROUP"), 5),
        (("--index", "3", "--index", "5", "--index", "4"), 2),
        (("--state", "failed"), 5),
        (("--failed", "--probe", "2"), 2),
        (("--state", "cancelled"), 0),
    ],
)
def test_retry_queues_and_a_worker_runs(done, words, queued):
    mark = done.documents("failures", "monday")[0]["fingerprint"]
    words = [mark[:6] if word == "GROUP" else word for word in words]
    told = done("retry", "monday", *words).stdout
    assert told.startswith(f"{queued} execution")
    assert done.batch()["queued"] == queued
    (done.folder / "repaired").touch()
    before = len(ran(done))
    code = 0 if queued == 5 or "--probe" in words else 1
    done("run", "tasks.py:odd_fails", "--input", "in.jsonl", "--name", "monday", "--key", "name", code=code)
    # A probe that went well lets the rest follow.
    assert len(ran(done)) - before == (5 if "--probe" in words else queued)


def test_a_retry_changes_inputs_first(done):
    """`odd_fails` fails for odd ids; what has another id now does not."""
    assert done(
        "retry", "monday", "--failed", "--code", "handler_error", "--set", "id=2", "--set", "more.x=null"
    ).stdout
    done("run", "tasks.py:odd_fails", "--input", "in.jsonl", "--name", "monday", "--key", "name")
    assert done.batch()["failed"] == 0


@pytest.mark.parametrize(
    ("given", "told"),
    [("id", "there is no ="), ("id=x", "stands in quotes"), ("=1", "has no name"), ("a..b=1", "has no name")],
)
def test_what_cannot_be_set(done, given, told):
    assert told in done.fails(2, "retry", "monday", "--failed", "--set", given)
    assert done.batch()["failed"] == 5


def test_a_field_cannot_be_set_and_have_fields(done):
    words = ("--set", "id=1", "--set", "id.x=2")
    assert "is set to a value as well" in done.fails(2, "retry", "monday", "--failed", *words)


def test_cancel_pause_and_resume(tasks):
    tasks.rows("in.jsonl", 6)
    with tasks.started("run", "tasks.py:gated", "--input", "in.jsonl", "-c", "1") as process:
        until(lambda: ran(tasks), "an execution")
        assert "paused" in tasks("pause", "tasks.gated").stdout
        assert tasks.documents("resume", "tasks.gated")[0]["state"] == "running"
        said = tasks("cancel", "tasks.gated", "--index", "0", "--index", "5").stdout
        assert said.startswith("1 cancelled, 1 being stopped, 0 had ended")
        (tasks.folder / "gate").touch()
        assert process.wait() == 1
    states = [json.loads(line)["state"] for line in tasks("results", "tasks.gated").stdout.splitlines()]
    assert states == ["cancelled", *["succeeded"] * 4, "cancelled"]


def test_delete_takes_everything_away(done):
    batch = done.batch()
    assert done.documents("delete", "monday", "--yes") == [{"deleted": batch["id"]}]
    assert done.documents("batches") == []
    assert "has no batch" in done.fails(2, "show", batch["id"])
    # The same input may be run anew.
    before = len(ran(done))
    done("run", "tasks.py:odd_fails", "--input", "in.jsonl", "--name", "monday", "--key", "name", code=1)
    assert len(ran(done)) == before + 10


def test_delete_waits_for_the_end(tasks):
    tasks.rows("in.jsonl", 4)
    with tasks.started("run", "tasks.py:gated", "--input", "in.jsonl", "-c", "2"):
        until(lambda: len(ran(tasks)) == 2, "two executions")
        assert "has not ended" in tasks.fails(2, "delete", "tasks.gated", "--yes")


def test_watch_from_another_process(tasks):
    tasks.rows("in.jsonl", 200)
    with tasks.started("run", "tasks.py:odd_fails", "--input", "in.jsonl", "-c", "5") as work:
        until(
            lambda: tasks.documents("batches", code=None) if (tasks.folder / "stook.db").exists() else None, "a batch"
        )
        seen = tasks.documents("watch", "tasks.odd_fails", code=1)
        assert work.wait() == 1
    assert seen[-1]["state"] == "partially_failed"
    assert [one["succeeded"] for one in seen] == sorted(one["succeeded"] for one in seen)
    assert len({json.dumps(one) for one in seen}) == len(seen)
    told = tasks("watch", "tasks.odd_fails", code=1)
    assert "partially_failed: 100 of 200 succeeded, 100 failed" in told.stdout


def test_watch_sees_progress_as_it_happens(tasks):
    tasks.rows("in.jsonl", 4)
    with tasks.started("run", "tasks.py:gated", "--input", "in.jsonl", "-c", "2") as work:
        until(lambda: len(ran(tasks)) == 2, "two executions")
        with tasks.started("watch", "tasks.gated", "--json") as watcher:
            first = json.loads(watcher.stdout.readline())
            assert (first["state"], first["running"], first["queued"], first["succeeded"]) == ("running", 2, 2, 0)
            (tasks.folder / "gate").touch()
            last = json.loads(watcher.communicate()[0].splitlines()[-1])
            assert (last["state"], last["succeeded"], watcher.returncode) == ("succeeded", 4, 0)
        assert work.wait() == 0


def test_ctrl_c_ends_the_watching_alone(tasks):
    tasks.rows("in.jsonl", 4)
    with tasks.started("run", "tasks.py:gated", "--input", "in.jsonl", "-c", "2") as work:
        until(lambda: len(ran(tasks)) == 2, "two executions")
        with tasks.started("watch", "tasks.gated", "--json") as watcher:
            watcher.stdout.readline()
            watcher.send_signal(signal.SIGINT)
            assert watcher.wait() == 130
            assert watcher.stderr.read() == "stook: interrupted\n"
        assert work.poll() is None
        (tasks.folder / "gate").touch()
        assert work.wait() == 0


def test_doctor(done):
    found = {one["check"]: one for one in done.documents("doctor")}
    assert {"stook", "store", "durability", "disk", "clocks", "write", "workers", "counters"} <= set(found)
    assert {one["verdict"] for name, one in found.items() if name != "write"} == {"ok"}  # a busy disk may be slow
    assert str(done.folder / "stook.db") in found["store"]["text"]
    assert "journal_mode wal, synchronous full" in done("doctor").stdout
    done("retry", "monday", "--failed")
    waiting = [one["text"] for one in done.documents("doctor") if one["check"] == "waiting"]
    assert "no worker serves task 'tasks.odd_fails'" in waiting[0]


def test_doctor_shows_neither_keys_nor_passwords(cli):
    hidden = {"STOOK_ENCRYPTION_KEY": "hunter2", "STOOK_KEY": "hunter2"}
    for url in ("stook.db", "postgresql://user:hunter2@127.0.0.1:1/db", "postgresql://user:hunter2/@127.0.0.1:1/db"):
        done = cli("doctor", STOOK_URL=url, code=None, **hidden)
        assert "store" in done.stdout
        assert "hunter2" not in done.stdout + done.stderr


def test_doctor_finds_and_repairs_wrong_counters(done):
    import sqlite3

    with sqlite3.connect(done.folder / "stook.db") as connection:
        connection.execute("update batch set succeeded = succeeded + 1")
    found = [one for one in done.documents("doctor", code=1) if one["verdict"] == "wrong"]
    assert [one["check"] for one in found] == ["counters"]
    assert "--repair" in found[0]["text"]
    repaired = [one["text"] for one in done.documents("doctor", "--repair") if one["check"] == "counters"]
    assert "repaired" in repaired[0]
    assert done.documents("doctor")
    assert done.batch()["succeeded"] == 5


def test_doctor_names_workers_that_died(tasks):
    tasks.rows("in.jsonl", 4)
    with tasks.started("run", "tasks.py:gated", "--input", "in.jsonl", "-c", "2") as work:
        until(lambda: len(ran(tasks)) == 2, "two executions")
        alive = [one for one in tasks.documents("doctor") if one["check"] == "worker"]
        assert [one["verdict"] for one in alive] == ["ok"]
        assert f"pid {work.pid}, for tasks.gated" in alive[0]["text"]
        work.kill()
        work.wait()
    dead = [one for one in tasks.documents("doctor") if one["check"] == "worker"]
    assert "its process is gone" in dead[0]["text"]


def test_a_worker_serves_all_tasks_of_a_module_until_told_to_stop(done):
    (done.folder / "repaired").touch()
    done("retry", "monday", "--failed")
    with done.started("worker", "tasks.py", "-c", "3") as worker:
        assert "working on tasks.burns, tasks.double" in worker.stderr.readline()
        assert done("watch", "monday").returncode == 0
        worker.send_signal(signal.SIGTERM)
        _, told = worker.communicate()
    assert worker.returncode == 0
    assert told.splitlines()[-1] == "stook: stopped"
    assert [one["text"] for one in done.documents("doctor") if one["check"] == "workers"] == ["none is running"]


def test_a_worker_needs_tasks(cli):
    cli.write(
        "two.py",
        """
        from stook import App

        a, b = App("a", store="a.db"), App("b", store="b.db")

        @a.task
        def f(row): ...

        @b.task
        def g(row): ...
        """,
    )
    assert "name a module" in cli.fails(2, "worker")
    assert "no such file" in cli.fails(2, "worker", "nosuch.py")
    assert "belong to 2 stores" in cli.fails(2, "worker", "two.py")
