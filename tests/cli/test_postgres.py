"""The same commands on PostgreSQL."""

from __future__ import annotations

import json

from tests.cli.conftest import ran, until


def test_a_batch_from_start_to_end(tasks, installed_postgres):
    tasks.environment["STOOK_URL"] = installed_postgres
    tasks.rows("in.jsonl", 5000)
    command = ("run", "tasks.py:slow", "--input", "in.jsonl", "--output", "out.jsonl", "-c", "20", "--name", "big")
    with tasks.started(*command) as process:
        until(lambda: len(ran(tasks)) > 1000, "progress")
        process.kill()
    kept = {json.loads(line)["index"] for line in tasks("results", "big", "--as-settled").stdout.splitlines()}
    before = len(ran(tasks))
    tasks(*command)
    assert not kept & set(ran(tasks)[before:])
    assert [row["result"] for row in tasks.lines("out.jsonl")] == list(range(5000))
    found = {one["check"]: one for one in tasks.documents("doctor")}
    assert (found["counters"]["verdict"], found["durability"]["verdict"]) == ("ok", "ok")
    assert "PostgreSQL" in found["store"]["text"]
    assert not (tasks.folder / "stook.db").exists()


def test_retry_watch_and_delete(tasks, installed_postgres):
    tasks.environment["STOOK_URL"] = installed_postgres
    tasks.rows("in.jsonl", 10)
    tasks("run", "tasks.py:odd_fails", "--input", "in.jsonl", code=1)
    (tasks.folder / "repaired").touch()
    assert tasks("retry", "tasks.odd_fails", "--failed").stdout.startswith("5 executions queued again")
    with tasks.started("worker", "tasks.py"):
        assert tasks.documents("watch", "tasks.odd_fails")[-1]["succeeded"] == 10
    tasks("delete", "tasks.odd_fails", "--yes")
    assert tasks.documents("batches") == []
