"""Following: a snapshot, everything that settles once and in order, the end; from any cursor, through any cut."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading

import httpx
import pytest

from tests.server.serving import serving
from tests.server.test_batches_in import refused, until
from tests.server.test_batches_out import mixed, submit


class Events:
    """Of one answer, as they come."""

    def __init__(self, answer):
        self.answer = answer
        self._lines = answer.iter_lines()

    def __iter__(self):
        event = {}
        for line in self._lines:
            if line.startswith(":"):
                yield {"event": "beat"}
            elif line:
                name, _, value = line.partition(": ")
                event[name] = value
            elif event:
                if "data" in event:
                    event["data"] = json.loads(event["data"])
                yield event
                event = {}


@contextlib.contextmanager
def following(served, path, headers=None):
    with served.as_secret(served.secret) as client, client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Events(answer)


def follow_all(served, batch_id, query="", headers=None):
    with following(served, f"/api/v1/batches/{batch_id}/follow{query}", headers) as events:
        return list(events)


def settles(events):
    return [item["settle"] for event in events if event.get("event") == "settled" for item in event["data"]["items"]]


def test_a_batch_is_followed_to_its_end(served_on_either):
    served = served_on_either
    batch_id = submit(served, list(range(3000)), keys=[f"k{number}" for number in range(3000)])
    with following(served, f"/api/v1/batches/{batch_id}/follow") as events:
        stream = iter(events)
        first = next(stream)
        assert (first["event"], first["data"]["state"], first["id"]) == ("snapshot", "queued", "0")
        with served.working(t=mixed):
            rest = list(stream)
    assert rest[-1]["event"] == "end"
    assert (rest[-1]["data"]["state"], rest[-1]["id"]) == ("partially_failed", "3000")
    assert settles(rest) == list(range(3000))
    items = {item["index"]: item for event in rest if event["event"] == "settled" for item in event["data"]["items"]}
    assert [items[number]["state"] for number in range(3)] == ["succeeded", "succeeded", "failed"]
    assert items[7]["key"] == "k7"
    assert {event["event"] for event in rest} <= {"settled", "progress", "end"}
    cursors = [int(event["id"]) for event in rest]
    assert cursors == sorted(cursors)


@pytest.fixture
def ended(served):
    batch_id = submit(served, list(range(5000)))
    with served.working(t=mixed):
        follow_all(served, batch_id)
    return batch_id


@pytest.mark.parametrize("after", [0, 1, 511, 512, 4999, 5000])
def test_every_cursor_goes_on_without_gap_or_repetition(served, ended, after):
    events = follow_all(served, ended, f"?after={after}")
    assert [event["event"] for event in (events[0], events[-1])] == ["snapshot", "end"]
    assert settles(events) == list(range(after, 5000))
    assert settles(follow_all(served, ended, "?after=7", {"last-event-id": str(after)})) == list(range(after, 5000))


def test_any_frame_may_be_the_last_that_was_heard(served, ended):
    events = follow_all(served, ended, "?after=0")
    for place, event in enumerate(events[:-1]):
        again = follow_all(served, ended, headers={"last-event-id": event["id"]})
        assert settles(events[: place + 1]) + settles(again) == list(range(5000))


def test_without_a_cursor_what_is_over_is_over(served, ended):
    assert [event["event"] for event in follow_all(served, ended)] == ["snapshot", "end"]


def test_a_cursor_that_is_none(served, ended):
    beyond = follow_all(served, ended, "?after=5001")
    assert [event["event"] for event in beyond] == ["reset", "snapshot", "end"]
    assert beyond[1]["id"] == "5000"
    for wrong in ("x", "-1", "1" * 30):
        refused(served.client.get(f"/api/v1/batches/{ended}/follow?after={wrong}"), 400, "option_error", field="after")


def test_results_come_whole_if_asked_for(served, ended):
    events = follow_all(served, ended, "?after=4000&results=true")
    items = [item for event in events if event["event"] == "settled" for item in event["data"]["items"]]
    assert [item["settle"] for item in items] == list(range(4000, 5000))
    assert all(item["result"] == item["input"] * 10 for item in items if item["state"] == "succeeded")
    failed = [item for item in items if item["state"] == "failed"]
    assert failed
    assert all(item["error"]["message"] == f"no {item['input']}" for item in failed)
    bare = follow_all(served, ended, "?after=0&settled=false")
    assert settles(bare) == []


def test_a_retry_is_followed_behind_the_same_cursor(served, ended):
    served.client.post(f"/api/v1/batches/{ended}/retry")
    with following(served, f"/api/v1/batches/{ended}/follow?after=5000") as events, served.working(t=mixed):
        assert settles(list(events)) == list(range(5000, 5000 + 1666))


def test_progress_tells_of_what_does_not_settle(served):
    batch_id = submit(served, [1])
    with following(served, f"/api/v1/batches/{batch_id}/follow") as events:
        stream = iter(events)
        next(stream)
        served.client.post(f"/api/v1/batches/{batch_id}/pause", json={"reason": "why not"})
        told = next(stream)
        assert (told["event"], told["data"]["state"], told["data"]["reason"]) == ("progress", "paused", "why not")


def test_the_first_news_after_quiet_is_told_at_once_and_so_is_the_end(either):
    with serving(either, progress_seconds=3600) as served:
        served.know("t")
        batch_id = submit(served, [1])
        with following(served, f"/api/v1/batches/{batch_id}/follow") as events:
            stream = iter(events)
            assert next(stream)["event"] == "snapshot"
            served.client.post(f"/api/v1/batches/{batch_id}/pause", json={"reason": "first"})
            assert next(stream)["data"]["reason"] == "first"
            served.client.post(f"/api/v1/batches/{batch_id}/pause", json={"reason": "second"})
            served.client.post(f"/api/v1/batches/{batch_id}/cancel")
            left = list(stream)
            assert [event["event"] for event in left] == ["settled", "end"]


def test_a_batch_deleted_meanwhile(served):
    batch_id = submit(served, [1])
    refused(served.client.get("/api/v1/batches/0192f0c1-7b7e-7000-8a2b-3c4d00000000/follow"), 404, "not_found")
    served.client.post(f"/api/v1/batches/{batch_id}/cancel")
    served.client.delete(f"/api/v1/batches/{batch_id}")
    answers = [served.client.get(f"/api/v1/batches/{batch_id}/follow") for _ in range(2)]
    for answer in answers:
        assert answer.status_code == 404 or "event: error" in answer.text


def test_many_followers_share_one_reader(served, monkeypatch):
    batch_id = submit(served, list(range(2000)))
    reads = []
    read = served.services.store.read

    async def counted(verb, *args, **options):
        reads.append(verb.__name__)
        return await read(verb, *args, **options)

    monkeypatch.setattr(served.services.channels._store, "read", counted)
    told = []

    def run():
        told.append(settles(follow_all(served, batch_id)))

    threads = [threading.Thread(target=run) for _ in range(12)]
    for thread in threads:
        thread.start()
    channels = served.services.channels
    until(lambda: served.client.get("/healthz") and [one.followers for one in channels._open.values()] == [12])
    reads.clear()
    with served.working(t=mixed):
        for thread in threads:
            thread.join(30)
    assert told == [list(range(2000))] * 12
    assert reads.count("settled_items") < 12
    until(lambda: served.client.get("/healthz") and not channels._open)


def test_one_execution(served):
    made = served.client.post("/api/v1/executions", json={"task": "t", "payload": 4}).json()
    with following(served, f"/api/v1/executions/{made['id']}/follow") as events:
        stream = iter(events)
        assert next(stream)["data"]["state"] == "queued"
        with served.working(t=mixed):
            last = list(stream)[-1]
    assert (last["event"], last["data"]["result"]) == ("end", 40)


def test_a_project(served):
    with following(served, "/api/v1/follow?after=0") as events:
        stream = iter(events)
        assert next(stream)["event"] == "snapshot"
        ids = [submit(served, []) for _ in range(3)]
        heard = [next(stream) for _ in range(3)]
        assert [event["data"]["batch_id"] for event in heard] == ids
    with following(served, "/api/v1/follow", {"last-event-id": heard[0]["id"]}) as events:
        stream = iter(events)
        next(stream)
        assert [next(stream)["data"]["batch_id"] for _ in range(2)] == ids[1:]
    with following(served, "/api/v1/follow?after=99") as events:
        assert next(iter(events))["event"] == "reset"


def test_silence_is_broken_by_beats(where):
    with serving(where, heartbeat=0.05) as served:
        served.know("t")
        batch_id = submit(served, [1])
        for path in (f"/api/v1/batches/{batch_id}/follow", "/api/v1/follow"):
            with following(served, path) as events:
                stream = iter(events)
                assert [next(stream)["event"] for _ in range(3)] == ["snapshot", "beat", "beat"]


def test_who_reads_nothing_is_cut(where):
    """And costs no memory until then."""
    with serving(where, drain_seconds=0.3) as served:
        served.know("t", max_attempts=1)
        batch_id = submit(served, ["x" * 1000] * 20_000)
        host, port = served.url[7:].split(":")
        wire = socket.socket()
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.connect((host, int(port)))
        with wire:
            head = (
                f"GET /api/v1/batches/{batch_id}/results HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {served.secret}"
            )
            wire.sendall(f"{head}\r\n\r\n".encode())
            connections = served.server._server.server_state.connections
            until(lambda: served.client.get("/healthz") and len(connections) == 2)
            until(lambda: served.client.get("/healthz") and len(connections) == 1)
            wire.settimeout(5)
            with pytest.raises(ConnectionError):
                while wire.recv(1 << 20):
                    pass
                raise ConnectionError("ended without an end")
        assert len(list(served.client.get(f"/api/v1/batches/{batch_id}/results").iter_lines())) == 20_000


def test_a_follower_that_leaves_is_forgotten(served):
    batch_id = submit(served, [1])
    with following(served, f"/api/v1/batches/{batch_id}/follow") as events:
        next(iter(events))
        assert served.services.channels._open
    until(lambda: served.client.get("/healthz") and not served.services.channels._open)


def test_a_stopping_server_sends_its_followers_elsewhere(served):
    batch_id = submit(served, [1])
    with following(served, f"/api/v1/batches/{batch_id}/follow") as events:
        stream = iter(events)
        next(stream)
        stopping = asyncio.run_coroutine_threadsafe(served.server.stop(), served.loop)
        assert list(stream) == [{"retry": "1000"}]
    stopping.result(20)
    with pytest.raises(httpx.ConnectError):
        served.client.get("/healthz")
    served.call(served.server.stop())
