"""An app whose store is a server: what programs ask that only submit."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from datetime import UTC, datetime

import pytest

from stook import App, Debounce, EventDef, Item, TaskDef, Throttle
from stook.core.errors import (
    ConfigError,
    DuplicateKey,
    ExecutionCancelled,
    ExecutionFailed,
    ExecutionNotFound,
    InvokeManyError,
    OptionError,
    PayloadTooLarge,
    PayloadValidationError,
    ResultTimeout,
    Throttled,
    UnknownQueue,
    UnknownTask,
    UnsupportedByBackend,
)


@pytest.fixture
def far(served_on_either):
    served_on_either.know("u")
    with App("far", store=served_on_either.url, api_key=served_on_either.secret) as app:
        yield app


def test_invoked_here_done_there(far, served_on_either):
    async def main():
        made = await far.invoke("t", {"n": 0}, tags=["red"], metadata={"a": 1}, priority=7)
        with pytest.raises(ResultTimeout):
            await made.result(0)
        with served_on_either.working(t=lambda item: item["n"]):
            return made, await made.result(30), await made.status(), await far.wait([made], 30)

    made, result, status, waited = asyncio.run(main())
    assert (bool(made), made.created, made.reason, result) == (True, True, None, 0)
    assert (status.state, status.result, status.tags, status.priority) == ("succeeded", 0, ("red",), 7)
    assert (status.metadata, status.queue, status.batch_id) == ({"a": 1}, "default", waited[0].batch_id)
    assert status.finished_at >= status.started_at >= status.created_at


@pytest.mark.parametrize("value", [0, "", False, None, [], {}, "\ud800", 10**40, "\0"], ids=range(9))
def test_every_value_arrives(far, served_on_either, value):
    with served_on_either.working(t=lambda item: item):
        assert far.sync.invoke("t", value).sync.result(30) == value
        assert far.sync.invoke_many("t", [Item(value)]).sync.results(30) == [value]


def test_how_it_ended_is_raised(far, served_on_either):
    def fails(item):
        raise ValueError("no")

    with served_on_either.working(t=fails):
        made = far.sync.invoke("t", 1)
        with pytest.raises(ExecutionFailed):
            made.sync.result(30)
    assert made.sync.status().error.message == "no"
    made.sync.retry()
    assert made.sync.status().state == "queued"
    assert made.sync.cancel("not needed")
    assert not made.sync.cancel()
    with pytest.raises(ExecutionCancelled, match="not needed"):
        made.sync.result(30)
    assert made.sync.status().error == "not needed"


def test_keys_answer_replace_supersede_and_reject(far):
    invoke = far.sync.invoke
    first = invoke("t", 1, dedupe_key="k")
    assert (invoke("t", 2, dedupe_key="k").id, invoke("t", 2, dedupe_key="k").reason) == (first.id, "duplicate")
    assert invoke("t", 3, dedupe_key="k", dedupe="replace").reason == "replaced"
    with pytest.raises(DuplicateKey) as caught:
        invoke("t", 4, dedupe_key="k", dedupe="reject")
    assert (caught.value.existing_id, caught.value.index) == (first.id, None)
    second = invoke("t", 5, dedupe_key="k", dedupe="supersede", dedupe_ttl=60)
    assert (second.created, second.reason) == (True, "superseded")
    assert first.sync.status().error == "superseded by reinvoke"
    assert [one.id for one in far.sync.list(dedupe_key="k", task="t")] == [second.id]
    assert far.sync.cancel("t", dedupe_key="k")
    assert not far.sync.cancel("t", dedupe_key="k")
    assert invoke("t", 6, dedupe_key="k").reason == "duplicate"  # it rests


def test_periods_hold_there_too(far):
    invoke = far.sync.invoke
    one, two = (invoke("t", n, throttle=Throttle(60, "k")) for n in range(2))
    assert (bool(two), two.reason, two.blocked_by) == (False, "throttled", one.id)
    with pytest.raises(Throttled):
        two.sync.result()
    draft = invoke("t", 1, debounce=Debounce(60, "d", reset=True, max_wait=90))
    final = invoke("t", 2, debounce=Debounce(60, "d", reset=True, max_wait=90))
    assert (final.id, final.reason, draft.sync.status().state) == (draft.id, "debounced", "scheduled")
    at = datetime(2040, 1, 1, tzinfo=UTC)
    assert invoke("t", 3, run_at=at).sync.status().run_at == at
    assert invoke("t", 3, run_at=0).sync.status().state == "queued"
    later = invoke("t", 3, delay=60, expires_in=120, timeout=5).sync.status()
    assert (later.state, later.why_waiting is not None) == ("scheduled", True)


def test_many_have_a_receipt_each(far, served_on_either):
    holder = far.sync.invoke("t", 0, dedupe_key="held")
    items = [
        Item("a", dedupe_key="k"),
        {"payload": "b", "priority": 9},
        Item("c", task="u", throttle=60),
        Item("d", task="u", throttle=60),
        Item("e", dedupe_key="held"),
        Item("f", dedupe_key="k"),
    ]
    many = far.sync.invoke_many("t", items, name="all of them")
    assert [one.reason for one in many] == ["folded", None, None, "throttled", "duplicate", None]
    assert (many[0].id, many[4].id, many.created) == (many[5].id, holder.id, 3)
    assert many.batch_ids.keys() == {"t", "u"}
    assert len(far.sync.list(batch_id=many.batch_ids["t"])) == 2
    assert served_on_either.client.get(f"/api/v1/batches/{many.batch_id}").json()["name"] == "all of them"
    nothing = far.sync.invoke_many("t", [])
    assert (list(nothing), nothing.batch_id) == ([], None)


def test_one_bad_item_is_none_at_all_and_every_one_is_named(far):
    with pytest.raises(UnknownTask) as caught:
        far.sync.invoke_many("t", [1, Item(2, task="nobody"), Item(3, queue="nowhere")])
    assert caught.value.index == 1
    assert [(one.index, one.code) for one in caught.value.errors] == [(1, "unknown_task"), (2, "unknown_queue")]
    holder = far.sync.invoke("t", 1, dedupe_key="k")
    with pytest.raises(DuplicateKey) as caught:
        far.sync.invoke_many("t", [0, Item(1, dedupe_key="k")], dedupe="reject")
    assert (caught.value.index, caught.value.existing_id) == (1, holder.id)
    assert len(far.sync.list()) == 1


def test_in_parts(far):
    many = far.sync.invoke_many("t", range(25), atomic=False, chunk_size=10, name="parts")
    assert (len(many), many.created, len({one.sync.status().batch_id for one in many})) == (25, 25, 1)
    assert [one.result for one in far.sync.list(limit=30, batch_id=many.batch_id)] == [None] * 25

    def items():
        yield from range(3)
        yield Item(3, task="nobody")

    with pytest.raises(InvokeManyError) as caught:
        far.sync.invoke_many("t", items(), atomic=False, chunk_size=2)
    assert (caught.value.committed, caught.value.index) == (2, 3)
    assert len(far.sync.list()) == 27


def test_what_is_defined_here_is_checked_here(far):
    far.definitions["t"] = TaskDef("t", payload=int, returns=str)
    with pytest.raises(PayloadValidationError):
        far.sync.invoke("t", "no number")
    with pytest.raises(UnknownTask, match="no such task: 'nobody'"):
        far.sync.invoke("nobody", 1)
    with pytest.raises(UnknownQueue):
        far.sync.invoke("t", 1, queue="nowhere")
    with pytest.raises(PayloadTooLarge):
        far.sync.invoke("u", "x" * (4 * 2**20))
    assert far.sync.invoke("u", "x" * (4 * 2**20 - 2)).created
    with pytest.raises(OptionError):
        far.sync.invoke("t", 1, throttle=1, debounce=1)


def test_found_waited_for_cancelled_and_retried(far, served_on_either):
    made = [far.sync.invoke("t", n, tags=["odd"] if n % 2 else ["even"]) for n in range(6)]
    assert [one.id for one in far.sync.list(tag="odd")] == [
        one.id for one in made if one.sync.status().tags == ("odd",)
    ]
    assert [one.id for one in far.sync.list(after=made[3], limit=1)] == [made[4].id]
    assert far.sync.cancel_many(tag="odd", reason="odd") == 3
    assert far.sync.cancel_many([made[0], made[1]]) == 1
    assert [one.state for one in far.sync.wait(made[:2], 30)] == ["cancelled"] * 2
    assert far.sync.retry(state="cancelled", tag="odd") == 3
    assert far.sync.retry(made[0].id) == 1
    assert {one.state for one in far.sync.list(state=["queued"])} == {"queued"}
    with pytest.raises(ExecutionNotFound):
        far.sync.get(str(uuid.uuid4()))
    assert far.sync.cancel(str(uuid.uuid4())) is False
    with pytest.raises(OptionError):
        far.sync.cancel_many()
    acts = {one["kind"] for one in served_on_either.client.get("/api/v1/actions").json()["data"]}
    assert acts == {"cancel", "retry"}


def test_strangers_see_nothing_of_it(far, served_on_either):
    made = far.sync.invoke("t", 1, dedupe_key="k")
    _, secret = served_on_either.call(
        served_on_either.services.keys.create("other", "o", ["read", "submit", "operate"])
    )
    with App("other", store=served_on_either.url, api_key=secret) as other:
        assert other.sync.list() == []
        with pytest.raises(ExecutionNotFound):
            other.sync.get(made)
        assert not other.sync.cancel(made)
        assert not other.sync.cancel("t", dedupe_key="k")
        assert other.sync.invoke("t", 1, dedupe_key="k").created
    assert made.sync.status().state == "queued"


def test_events_and_schedules(far, served_on_either):
    with served_on_either.working(t=lambda item: item):
        assert uuid.UUID(far.sync.emit("paid", {"n": 1}))
        made = far.sync.schedule("t", "daily", "0 3 * * *", {"n": 1}, tz="Asia/Tokyo", overlap="skip")
        assert [one.name for one in far.sync.schedules("t")] == ["daily"] == [made.name]
        assert far.sync.pause_schedule("t", "daily").paused
        assert not far.sync.resume_schedule("t", "daily").paused
        assert asyncio.run(far.unschedule("t", "daily"))
        assert not far.sync.unschedule("t", "daily")
        with pytest.raises(UnknownTask):
            far.sync.schedule("nobody", "daily", "0 3 * * *")
    far.events["typed"] = EventDef("typed", payload=int)
    with pytest.raises(PayloadValidationError):
        far.sync.emit("typed", "x")


def test_what_needs_a_store_says_so(far):
    @far.task("t")
    def t(item):
        return item

    connection = sqlite3.connect(":memory:")

    def calls():
        sync = far.sync
        yield lambda: sync.invoke("t", 1, connection=connection)
        yield lambda: sync.invoke_many("t", [1], connection=connection)
        yield lambda: sync.emit("e", 1, connection=connection)
        yield lambda: sync.schedule("t", "n", "* * * * *", connection=connection)
        yield lambda: sync.unschedule("t", "n", connection=connection)
        yield lambda: sync.cancel("t", dedupe_key="k", connection=connection)
        yield sync.maintain
        yield sync.remove_triggers
        yield lambda: far.working().__enter__()
        yield lambda: asyncio.run(far.run())
        yield lambda: asyncio.run(far.orchestrator().start())
        yield lambda: t.map([1])
        yield lambda: t.submit(1)
        yield lambda: far.batch("x")
        yield lambda: far.limit(max_concurrency=1)

    for call in calls():
        with pytest.raises(UnsupportedByBackend) as caught:
            call()
        assert caught.value.hint
    connection.close()


def test_a_key_without_a_server_and_a_server_without_a_key(tmp_path, monkeypatch, served):
    monkeypatch.delenv("STOOK_KEY", raising=False)
    with pytest.raises(ConfigError, match="api_key is for"):
        App("x", store=f"sqlite:///{tmp_path}/x.db", api_key="stk_x").opened()
    with pytest.raises(ConfigError, match="the key's"):
        App("x", store=served.url, api_key=served.secret, project="mine").opened()
    with pytest.raises(ConfigError, match="clock="):
        App("x", store=served.url, api_key=served.secret, clock=lambda: 1).opened()
    with pytest.raises(ConfigError, match="no key"):
        App("x", store=served.url).opened()
    monkeypatch.setenv("STOOK_URL", served.url)
    monkeypatch.setenv("STOOK_KEY", served.secret)
    with App("x") as app:
        assert app.sync.invoke("t", 1).created
    with App("x", api_key="stk_wrong_key") as app, pytest.raises(ConfigError):
        app.sync.invoke("t", 1)
