"""`stook up`, `stook serve` and `stook worker --server` as people start and stop them."""

from __future__ import annotations

import json
import signal
import socket
import stat

import pytest

from tests.cli.conftest import ran, until
from tests.serving.programs import programs

CHOSEN = "stk_first_" + "7" * 40


@pytest.fixture
def run(tasks):
    tasks.environment["STOOK_SYNCHRONOUS"] = "off"
    with programs(tasks) as made:
        yield made


def submitted(client, count, task="tasks.double"):
    answer = client.post("/api/v1/batches", json={"task": task, "items": [{"id": n} for n in range(count)]})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def shown(client, batch):
    return client.get(f"/api/v1/batches/{batch}").json()


def succeeded(client, batch):
    until(lambda: shown(client, batch)["state"] == "succeeded", f"the end of {batch}")


# ------------------------------------------------------------------------------------------------------- from start


def test_the_first_start_shows_a_key_that_opens_everything_and_later_ones_show_none(run):
    up = run.server("up", "tasks.py")
    assert up.out.splitlines()[0] == f"address  {up.url}"
    assert up.out.splitlines()[1].startswith(f"key      {up.ready['key']}  (")
    assert up.ready["key"] not in up.words
    assert up.ready["pid"] == up.pid
    with run.client(up, up.ready["key"]) as client:
        succeeded(client, submitted(client, 50))
        assert client.get("/api/v1/keys").json()["data"][0]["scopes"] == ["admin"]
    assert up.ended(signal.SIGTERM) == 0
    again = run.server("up", "tasks.py")
    assert again.out == f"address  {again.url}\n"
    assert again.ready == {"url": again.url, "key": None, "pid": again.pid}
    with run.client(again, up.ready["key"]) as client:
        succeeded(client, submitted(client, 5))
    assert again.ended(signal.SIGINT) == 0
    assert again.words.splitlines()[-1] == "stook: stopped"


def test_a_key_can_be_chosen_beforehand(run):
    up = run.server("up", "tasks.py", STOOK_KEY=CHOSEN)
    assert up.ready["key"] == CHOSEN
    assert CHOSEN not in up.out + up.words
    with run.client(up, CHOSEN) as client:
        assert client.get("/api/v1/keys").status_code == 200
    up.ended(signal.SIGTERM)
    assert run.server("serve", STOOK_KEY=CHOSEN).ready["key"] == CHOSEN


def test_a_chosen_key_that_comes_too_late_opens_nothing_and_is_said(run):
    run.server("serve").ended(signal.SIGTERM)
    late = run.server("serve", STOOK_KEY=CHOSEN)
    assert late.ready["key"] is None
    assert "STOOK_KEY is no valid key of this store" in late.words
    with run.client(late, CHOSEN) as client:
        assert client.get("/api/v1/keys").status_code == 401


def test_the_ready_file_is_its_owners_and_never_an_old_one(run, tasks):
    file = tasks.folder / "ready.json"
    file.write_text('{"url": "of an earlier start"}')
    run.start("up", "nowhere.py", "--ready-file", file).ended()
    assert file.exists()  # nothing was begun
    up = run.start("up", "tasks.py", "--port", "0", "--ready-file", file)
    until(lambda: file.exists() and "earlier" not in file.read_text(), "the ready file")
    assert json.loads(file.read_text())["pid"] == up.pid
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in tasks.folder.iterdir() if "ready.json" in one.name] == ["ready.json"]


def test_other_addresses_than_this_machines_own_are_said(run):
    assert "whoever reaches this machine" in run.server("serve", "--host", "0.0.0.0").words  # noqa: S104 - which is the point
    assert "whoever reaches" not in run.server("serve", "--store", "other.db").words


# ---------------------------------------------------------------------------------------------------------- to stop


def test_a_signal_lets_what_runs_end_and_leaves_the_rest_for_the_next_start(run, tasks):
    up = run.server("up", "tasks.py:gated", "-c", "2", STOOK_KEY=CHOSEN)
    with run.client(up, CHOSEN) as client:
        batch = submitted(client, 5, "tasks.gated")
        until(lambda: len(ran(tasks)) == 2)
        with client.stream("GET", f"/api/v1/batches/{batch}/follow") as follow:
            lines = follow.iter_lines()
            assert next(lines).startswith(("event: snapshot", "id:", "retry:"))
            up.tell()
            up.says("stopping")
            (tasks.folder / "gate").touch()
            rest = list(lines)  # it ends, and not by an error
        assert any(line.startswith("retry:") for line in rest)
        assert not any(line.startswith("event: end") for line in rest)
    assert up.ended() == 0
    assert sorted(ran(tasks)) == sorted(set(ran(tasks)))
    assert len(ran(tasks)) == 2
    again = run.server("up", "tasks.py:gated", STOOK_KEY=CHOSEN)
    with run.client(again, CHOSEN) as client:
        succeeded(client, batch)
        assert shown(client, batch)["losses"] == 0
    assert sorted(ran(tasks)) == [0, 1, 2, 3, 4]


def test_what_outlasts_the_grace_is_handed_back(run, tasks):
    up = run.server("up", "tasks.py:gated", "--grace", "0.2", STOOK_KEY=CHOSEN)
    with run.client(up, CHOSEN) as client:
        batch = submitted(client, 1, "tasks.gated")
        until(lambda: ran(tasks))
        assert up.ended(signal.SIGTERM) == 0
    (tasks.folder / "gate").touch()
    again = run.server("up", "tasks.py:gated", STOOK_KEY=CHOSEN)
    with run.client(again, CHOSEN) as client:
        succeeded(client, batch)
        assert shown(client, batch)["losses"] == 0


def test_a_second_signal_ends_at_once(run, tasks):
    up = run.server("up", "tasks.py:gated", STOOK_KEY=CHOSEN)
    with run.client(up, CHOSEN) as client:
        submitted(client, 1, "tasks.gated")
        until(lambda: ran(tasks))
        up.tell()
        up.says("stopping")
        assert up.ended(signal.SIGTERM) == 130


# ----------------------------------------------------------------------------------------------- what cannot be had


def without(cli, module):
    """A folder for PYTHONPATH: `module` is not installed."""
    cli.write(f"without_{module}/sitecustomize.py", f"import sys\nsys.modules[{module!r}] = None\n")
    return str(cli.folder / f"without_{module}")


def test_an_address_in_use_is_said_in_a_line(tasks):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words in (("up", "tasks.py"), ("serve",)):
            text = tasks.fails(2, *words, "--port", port)
            assert f"cannot listen on 127.0.0.1:{port}" in text


@pytest.mark.parametrize(
    ("code", "words", "why"),
    [
        (2, ("up",), "needs tasks"),
        (2, ("up", "nowhere.py"), "no such file"),
        (2, ("up", "tasks.py", "--port", "70000"), "--port 70000"),
        (2, ("serve", "--port", "-1"), "--port -1"),
        (2, ("serve", "--grace", "nan"), "--grace nan"),
        (2, ("serve", "--host", "203.0.113.1"), "cannot listen on 203.0.113.1"),
        (2, ("serve", "--ready-file", "nowhere/ready.json"), "there is no folder nowhere"),
        (2, ("serve", "--ready-file", "."), "is a folder"),
        (2, ("up", "tasks.py", "-c", "0"), "concurrency=0"),
        (2, ("serve", "--store", "mysql://x"), "no kind of store"),
        (2, ("worker", "tasks.py", "--server", "http://127.0.0.1:1"), "wants a key"),
        (2, ("worker", "tasks.py", "--server", "here", "--key", CHOSEN), "'here' is no address"),
        (2, ("worker", "tasks.py", "--server", "http://x", "--key", "a b"), "the key is no key"),
        (2, ("worker", "tasks.py", "--server", "http://x", "--store", "s.db", "--key", CHOSEN), "two places"),
        (2, ("worker", "tasks.py", "--key", CHOSEN), "--key is for a server"),
        (2, ("worker", "tasks.py", "--server", "http://x", "--key", CHOSEN, "--project", "p"), "--project"),
        (4, ("worker", "tasks.py", "--server", "http://127.0.0.1:1", "--key", CHOSEN), "does not answer"),
    ],
)
def test_what_cannot_be_had_is_said_in_a_line(tasks, code, words, why):
    assert why in tasks.fails(code, *words)


def test_a_chosen_key_that_cannot_be_used_is_said(tasks):
    assert "cannot be used" in tasks.fails(2, "serve", "--port", 0, STOOK_KEY="short")


def test_a_missing_package_is_named_with_the_way_to_have_it(tasks):
    text = tasks.fails(2, "up", "tasks.py", PYTHONPATH=without(tasks, "starlette"))
    assert "starlette" in text
    assert "pip install 'stook[server]'" in text
    words = ("worker", "tasks.py", "--server", "http://127.0.0.1:1", "--key", CHOSEN)
    text = tasks.fails(2, *words, PYTHONPATH=without(tasks, "httpx"))
    assert "pip install 'stook[client]'" in text


# ------------------------------------------------------------------------------------------------ workers from afar


def test_a_worker_needs_nothing_but_http(run, tasks):
    server = run.server("serve", STOOK_KEY=CHOSEN)
    with run.client(server, CHOSEN) as client:
        key = client.post("/api/v1/keys", json={"name": "gpu", "scopes": ["worker"]}).json()["secret"]
        worker = run.worker("tasks.py", STOOK_SERVER=server.url, STOOK_KEY=key)
        batch = submitted(client, 700)
        succeeded(client, batch)
        rows = client.get(f"/api/v1/batches/{batch}/results?format=ndjson").text.splitlines()
        assert [json.loads(row)["result"] for row in rows] == [2 * n for n in range(700)]
        assert sorted(ran(tasks)) == list(range(700))
        assert client.get("/api/v1/tasks/tasks.double").json()["workers"] == 1
        assert worker.ended(signal.SIGTERM) == 0
        assert worker.words.splitlines()[-1] == "stook: stopped"
        assert client.get("/api/v1/tasks/tasks.double").json()["workers"] == 0


def test_groups_and_child_processes_have_their_work_over_http_too(run, tasks):
    tasks.write(
        "more.py",
        """
        import os

        from stook import App, BatchConfig, Ok

        app = App("more")


        @app.task(batch=BatchConfig(size=10))
        async def grouped(numbers: list[int]) -> list[Ok]:
            return [Ok(len(numbers)) for _ in numbers]


        @app.task
        def pid(number: int) -> int:
            return os.getpid()
        """,
    )
    server = run.server("serve", STOOK_KEY=CHOSEN)
    run.worker("more.py:grouped", "--server", server.url, STOOK_KEY=CHOSEN)
    worker = run.worker("more.py:pid", "--server", server.url, "--processes", "2", STOOK_KEY=CHOSEN)
    with run.client(server, CHOSEN) as client:
        results = {}
        for task in ("more.grouped", "more.pid"):
            batch = client.post("/api/v1/batches", json={"task": task, "items": list(range(40))}).json()["id"]
            succeeded(client, batch)
            rows = client.get(f"/api/v1/batches/{batch}/results?format=ndjson").text.splitlines()
            results[task] = [json.loads(row)["result"] for row in rows]
    assert results["more.grouped"] == [10] * 40
    assert worker.pid not in results["more.pid"]
    assert worker.ended(signal.SIGTERM) == 0


def test_a_handler_that_is_far_away_hears_that_it_is_cancelled(run, tasks):
    server = run.server("serve", STOOK_KEY=CHOSEN)
    run.worker("tasks.py", "--server", server.url, STOOK_KEY=CHOSEN)
    with run.client(server, CHOSEN) as client:
        batch = submitted(client, 3, "tasks.gated")
        until(lambda: len(ran(tasks)) == 3)
        assert client.post(f"/api/v1/batches/{batch}/cancel", json={"hard": True}).status_code == 200
        until(lambda: shown(client, batch)["state"] == "cancelled", "the end")
        succeeded(client, submitted(client, 3))


def test_a_revoked_key_ends_its_worker_with_a_line_though_its_slots_are_busy(run, tasks):
    server = run.server("serve", STOOK_KEY=CHOSEN)
    with run.client(server, CHOSEN) as client:
        made = client.post("/api/v1/keys", json={"name": "gpu", "scopes": ["worker"]}).json()
        words = ("tasks.py:gated", "--server", server.url, "--key", made["secret"], "-c", "1", "--grace", "0.1")
        worker = run.worker(*words)
        submitted(client, 1, "tasks.gated")
        until(lambda: ran(tasks))
        assert client.delete(f"/api/v1/keys/{made['id']}").status_code == 204
        assert worker.ended() == 4
        assert "refuses the key" in worker.words.splitlines()[-1]
        assert "Traceback" not in worker.words


def test_a_key_of_another_scope_starts_no_worker(run, tasks):
    server = run.server("serve", STOOK_KEY=CHOSEN)
    with run.client(server, CHOSEN) as client:
        key = client.post("/api/v1/keys", json={"name": "r", "scopes": ["read"]}).json()["secret"]
    text = tasks.fails(4, "worker", "tasks.py", "--server", server.url, "--key", key)
    assert "lacks the scope 'worker'" in text
