"""Captured logs over HTTP: as JSON, as lines, as text, followed, and through the SDK."""

from __future__ import annotations

import asyncio
import threading

import msgspec
import pytest

import stook
from stook.core.log import AttemptLogs, LogPart
from stook.core.outcome import Settlement
from stook.wire.log import LogLine, LogPage
from stook.wire.work import KeepLogs, SettleWork
from stook.worker.context import SyncContext
from tests.serving.worker_calls import WorkerCalls, refused, submitted


def says(number: int, ctx: SyncContext) -> int:
    ctx.logger.info("first\nof two \x1b[31mlines", number=number)
    ctx.logger.error("second")
    return number


@pytest.fixture
def said(served):
    """The id of an execution that has said two things."""
    with served.working(t=says):
        made = served.client.post("/api/v1/executions?wait=20", json={"task": "t", "payload": 4}).json()
    assert made["state"] == "succeeded"
    return made["id"]


def logs_of(served, execution, **query):
    return served.client.get(f"/api/v1/executions/{execution}/logs", params=query)


def test_as_json(served, said):
    page = msgspec.json.decode(logs_of(served, said).content, type=LogPage)
    first, second = page.data
    assert (first.round, first.attempt, first.line, first.level) == (1, 1, 1, "info")
    assert (first.source, first.fields, second.message) == ("stook.task.t", {"number": 4}, "second")
    assert page.next is None


def test_page_by_page(served, said):
    one = logs_of(served, said, limit=1).json()
    assert one["next"] == one["data"][0]["cursor"]
    two = logs_of(served, said, limit=1, after=one["next"]).json()
    assert [line["message"] for line in two["data"]] == ["second"]
    assert two["next"] is None
    assert logs_of(served, said, attempt=2).json()["data"] == []


@pytest.mark.parametrize("by", ["accept", "format"])
def test_as_lines_of_json(served, said, by):
    path = f"/api/v1/executions/{said}/logs"
    if by == "accept":
        answer = served.client.get(path, headers={"accept": "text/html, application/x-ndjson;q=0.9"})
    else:
        answer = served.client.get(path, params={"format": "ndjson", "limit": 1})
        assert answer.headers["stook-next"] == "1.1.0.1"
    assert answer.headers["content-type"] == "application/x-ndjson"
    rows = [msgspec.json.decode(row, type=LogLine) for row in answer.content.splitlines()]
    assert [row.line for row in rows] == ([1, 2] if by == "accept" else [1])


def test_as_text(served, said):
    answer = served.client.get(f"/api/v1/executions/{said}/logs", headers={"accept": "text/plain"})
    assert answer.headers["content-type"].startswith("text/plain")
    first, indented, second = answer.text.splitlines()
    assert first.endswith("Z #1 info stook.task.t: first")
    assert indented == "    of two \N{REPLACEMENT CHARACTER}[31mlines  number=4"
    assert second.endswith(" #1 error stook.task.t: second")


def test_an_execution_counts_its_lines(served, said):
    shown = served.client.get(f"/api/v1/executions/{said}").json()
    assert shown["logs"] == [{"round": 1, "attempt": 1, "lines": 2, "dropped": 0}]


@pytest.mark.parametrize(
    ("query", "field"),
    [({"attempt": 0}, "attempt"), ({"limit": 1001}, "limit"), ({"format": "xml"}, "format"), ({"a": 1}, "a")],
)
def test_what_may_not_be_asked(served, said, query, field):
    error = refused(logs_of(served, said, **query), 400)
    assert error["field"] == field


def test_a_wrong_cursor_is_refused(served, said):
    assert "is no cursor" in refused(logs_of(served, said, after="x"), 400)["message"]
    answer = served.client.get(f"/api/v1/executions/{said}/follow", params={"logs": "true", "after": "x"})
    assert "is no cursor" in refused(answer, 400)["message"]


def test_a_foreign_projects_log_is_not_there(served, said):
    served.client.post("/api/v1/projects", json={"name": "other"})
    with served.as_key("read", project="other") as other:
        assert other.get(f"/api/v1/executions/{said}/logs").status_code == 404
    with served.as_key("submit") as writer:
        assert writer.get(f"/api/v1/executions/{said}/logs").status_code == 403


def events_of(served, path, **how):
    with served.client.stream("GET", path, **how) as stream:
        assert stream.status_code == 200
        text = "".join(stream.iter_text())
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in lines:
            found.append((lines["event"], lines.get("id"), msgspec.json.decode(lines["data"])))
    return found


def test_followed_with_its_lines(served, said):
    path = f"/api/v1/executions/{said}/follow"
    assert [event for event, _, _ in events_of(served, path)] == ["snapshot", "end"]
    whole = events_of(served, path, params={"logs": "true"})
    assert [event for event, _, _ in whole] == ["snapshot", "log", "log", "end"]
    assert [data["message"] for event, _, data in whole if event == "log"][1] == "second"
    cursor = whole[1][1]
    again = events_of(served, path, params={"logs": "true"}, headers={"last-event-id": cursor})
    assert [data["line"] for event, _, data in again if event == "log"] == [2]


def test_followed_while_it_runs(served, monkeypatch):
    monkeypatch.setattr("stook.worker.logs.captured.FIRST_WAIT", 0.0)
    monkeypatch.setattr("stook.worker.runtime.TICK", 0.01)
    monkeypatch.setattr("stook.server.follow_logs.FollowedLogs.pause", 0.02)
    go = threading.Event()

    def waits(number: int, ctx: SyncContext) -> None:
        ctx.logger.info("waiting")
        go.wait(20)
        ctx.logger.info("going")

    with served.working(t=waits):
        made = served.client.post("/api/v1/executions", json={"task": "t", "payload": 4}).json()
        found = []
        with served.follow(f"/api/v1/executions/{made['id']}/follow?logs=true") as stream:
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    found.append(line.removeprefix("event: "))
                if line.startswith("data: ") and found[-1] == "log" and "waiting" in line:
                    go.set()
    assert found.count("log") == 2
    assert found[-1] == "end"
    assert found.index("log") < len(found) - 2


def test_through_the_sdk(served, said):
    with stook.Client(served.url, key=served.secret) as client:
        batch = client.map("t", [1, 2], key=lambda number: f"n{number}")
        with served.working(t=says):
            batch.wait(20)
        assert [entry.fields for entry in batch.logs(key="n2")] == [{"number": 2}, None]
        assert [entry.message for entry in batch.logs(index=0)][1] == "second"
        execution = client.submit("t", 5)
        assert execution.logs() == []
        with served.working(t=says):
            execution.result(20)
        first, second = execution.logs()
        assert (first.attempt, first.level, second.message) == (1, "info", "second")
        assert first.at <= second.at
        assert execution.logs(attempt=2) == []

    async def main():
        async with stook.AsyncClient(served.url, key=served.secret) as client:
            found = await (await client.batch(said)).logs(index=0)
            return [entry.level for entry in found]

    assert asyncio.run(main()) == ["info", "error"]


# -------------------------------------------------------------------------------------------- workers from afar


def lines(*numbers):
    return msgspec.json.encode([{"line": one, "at": 1, "source": "s", "message": f"m{one}"} for one in numbers])


@pytest.fixture
def worker(served):
    with served.as_key("worker") as client:
        yield WorkerCalls(client)


def test_a_worker_says_it_while_it_runs_and_with_the_outcome(served, worker):
    batch = submitted(served, 1)
    (piece,) = worker.claim().slices
    one = AttemptLogs(piece.token, piece.batch_id, [LogPart(0, 0, 2, 2, 0, lines(1, 2))])
    assert worker.post("logs", KeepLogs(logs=[one])).status_code == 204
    assert worker.post("logs", KeepLogs(logs=[one])).status_code == 204
    assert [row["message"] for row in logs_of(served, batch).json()["data"]] == ["m1", "m2"]
    last = LogPart(0, 1, 3, 1, 0, lines(3))
    worker.settle(Settlement(piece.token, piece.batch_id, [0], [b"1"], [1], logs=[last]))
    assert [row["message"] for row in logs_of(served, batch).json()["data"]] == ["m1", "m2", "m3"]


@pytest.mark.parametrize(
    "part",
    [
        LogPart(0, 0, 1, 1, 0, b"{}"),
        LogPart(0, 0, 1, 1, 0, b"[1]"),
        LogPart(0, 0, 1, 1, 0, b"\xff"),
        LogPart(0, 0, 1, 1, 0, lines(2)),
        LogPart(0, 0, 3, 2, 0, lines(3, 2)),
        LogPart(0, 0, 3, 1, 0, lines(0)),
        LogPart(-1, 0, 1, 1, 0, lines(1)),
        LogPart(0, 2**31, 1, 1, 0, lines(1)),
        LogPart(0, 0, 1, 2**40, 0, lines(1)),
        LogPart(0, 0, 1, 1, 0, b"", -5),
    ],
    ids=lambda part: f"{part.offset}-{part.part}-{part.last}-{len(part.body)}",
)
def test_what_no_worker_may_say(served, worker, part):
    submitted(served, 1)
    (piece,) = worker.claim().slices
    one = AttemptLogs(piece.token, piece.batch_id, [part])
    assert refused(worker.post("logs", KeepLogs(logs=[one])), 400)["field"] == "logs"
    settlement = Settlement(piece.token, piece.batch_id, [0], [b"1"], [1], logs=[part])
    assert refused(worker.post("settle", SettleWork([settlement])), 400)["field"] == "logs"
    assert list(worker.succeed(piece).lost) == []  # nothing of it was done
