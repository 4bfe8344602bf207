"""SIGKILL in the middle of everything: each item has exactly one outcome."""

from __future__ import annotations

import json
import signal

import pytest

from tests.cli.conftest import ran, until
from tests.serving.programs import ended, programs

KEY = "stk_first_" + "5" * 40


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def run(request, tasks):
    url = "sqlite:///stook.db" if request.param == "sqlite" else request.getfixturevalue("installed_postgres")
    tasks.environment |= {"STOOK_URL": url, "STOOK_SYNCHRONOUS": "off", "STOOK_KEY": KEY, "STOOK_LEASE_SECONDS": "3"}
    with programs(tasks) as made:
        yield made


def submitted(client, count):
    items = [{"id": number} for number in range(count)]
    answer = client.post("/api/v1/batches", json={"task": "tasks.slow", "items": items})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def one_outcome_each(run, tasks, client, batch, count):
    def shown():
        return client.get(f"/api/v1/batches/{batch}").json()

    until(lambda: ended(shown()), f"the end of {batch}: {shown()}")
    found = shown()
    assert (found["state"], found["counters"]["succeeded"], found["settled"]) == ("succeeded", count, count)
    rows = [json.loads(line) for line in client.get(f"/api/v1/batches/{batch}/results?order=settled").iter_lines()]
    assert sorted(row["index"] for row in rows) == list(range(count))
    assert all(row["result"] == row["index"] for row in rows)
    assert [row["settle"] for row in rows] == sorted({row["settle"] for row in rows})
    checks = {one["check"]: one for one in tasks.documents("doctor")}
    assert checks["counters"]["verdict"] == "ok"
    return found


def test_a_server_killed_under_its_workers_loses_nothing(run, tasks):
    tasks.environment["STOOK_LEASE_SECONDS"] = "15"  # longer than any server takes to start: no lease lapses meanwhile
    count = 3000
    server = run.server("serve")
    with run.client(server, KEY) as client:
        worker = run.worker("tasks.py", "--server", server.url)
        batch = submitted(client, count)
        until(lambda: len(ran(tasks)) > 500, "progress")
        server.ended(signal.SIGKILL)
        server = run.server("serve", port=server.port)
        until(lambda: len(ran(tasks)) > 1500, "progress")
        server.ended(signal.SIGKILL)
        server = run.server("serve", port=server.port)
        one_outcome_each(run, tasks, client, batch, count)
    assert len(ran(tasks)) - count < 500  # at most what a claim brought whose answer died with the server
    assert "cannot" in worker.words
    assert worker.ended(signal.SIGTERM) == 0
    assert worker.words.splitlines()[-1] == "stook: stopped"


def test_workers_killed_far_from_the_store_cost_what_they_held_alone(run, tasks):
    count = 4000
    server = run.server("serve")
    with run.client(server, KEY) as client:
        workers = [run.worker("tasks.py", "--server", server.url, "-c", "4") for _ in range(2)]
        batch = submitted(client, count)
        for number in range(2):
            until(lambda number=number: len(ran(tasks)) > 300 * (number + 1), "progress")
            until(lambda held=workers: caught(held, client, batch), "work in their hands")
            for one in workers:
                one.ended(signal.SIGKILL)
            workers = [run.worker("tasks.py", "--server", server.url, "-c", "4") for _ in range(2)]
        found = one_outcome_each(run, tasks, client, batch, count)
    assert found["losses"] >= 2
    assert 0 <= len(ran(tasks)) - count < 1000


def caught(workers, client, batch):
    """Stopped, and not between two claims."""
    for one in workers:
        one.tell(signal.SIGSTOP)
    if client.get(f"/api/v1/batches/{batch}").json()["counters"]["running"]:
        return True
    for one in workers:
        one.tell(signal.SIGCONT)
    return False


def test_both_killed_at_once(run, tasks):
    count = 1500
    server = run.server("up", "tasks.py:double")
    with run.client(server, KEY) as client:
        worker = run.worker("tasks.py:slow", "--server", server.url, "-c", "4")
        batch = submitted(client, count)
        until(lambda: len(ran(tasks)) > 300, "progress")
        for one in (server, worker):
            one.tell(signal.SIGKILL)
        server.ended()
        server = run.server("up", "tasks.py:double", port=server.port)
        run.worker("tasks.py:slow", "--server", server.url)
        one_outcome_each(run, tasks, client, batch, count)
