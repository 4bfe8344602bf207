"""Executions that wait for a time or an event, and what they remember meanwhile."""

from __future__ import annotations

import pytest

from stook.core.ids import execution_id
from stook.core.memo import Memo
from stook.core.outcome import Settlement, Trouble
from stook.core.policy import BatchConfig
from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.core.wait import Wait
from stook.core.work import Remember
from stook.store.script.cancel_items import cancel_items
from stook.store.script.delete import delete, purge
from stook.store.script.pause import pause, resume
from stook.store.script.read.steps import list_awaited, list_steps, why_item_waits
from stook.store.script.recount import reconcile, recount
from stook.store.script.remember import remember
from stook.store.script.retry import retry
from stook.store.script.sweep import expire_leases
from stook.store.script.upkeep import look_ahead
from stook.store.script.wake import wake_due
from tests.contract.batches import (
    batch_of,
    fail,
    indexes,
    policy,
    run_due,
    send,
    states_of,
    submit_items,
    succeed,
    take,
    take_one,
    trouble,
)
from tests.contract.durable import (
    call,
    errands,
    event,
    parent_waits,
    remembered,
    sleep,
    step,
    suspended,
    suspension_of,
    woken,
)
from tests.contract.moving_clock import SECOND


async def test_a_sleeper_holds_no_lease_and_wakes_no_earlier_in_its_attempt(store):
    batch_id = await parent_waits(store, sleep("nap", 60.5))
    (rows,) = await store.tables.fetch("select count(*) from lease")
    assert rows[0][0] == 0
    assert await store.read(look_ahead) == 60.5 * SECOND
    assert await woken(store, 60.4) == 0
    assert await states_of(store, batch_id) == bytes([State.suspended])
    assert await woken(store, 0.1) == 1
    assert await store.read(look_ahead) is None
    one = await take_one(store)
    assert (one.attempt, one.round, remembered(one)) == (1, 1, {"nap": None})
    assert (await batch_of(store, batch_id)).retries == 0


async def test_until_a_moment_and_for_no_time_at_all(store):
    past = Wait("past", "sleep", until=store.clock.after(-5))
    await parent_waits(store, Wait("then", "sleep", until=store.clock.after(3)), past, sleep("zero", 0))
    assert await store.write(wake_due) == 2
    assert await woken(store, 3) == 1
    assert set(remembered(await take_one(store))) == {"then", "past", "zero"}


async def test_suspensions_never_cost_an_attempt(store):
    await submit_items(store, 1, policy=policy(max_attempts=1))
    for number in range(20):
        one = await take_one(store)
        assert (one.attempt, len(remembered(one))) == (1, number)
        await send(store, suspended(one, sleep(f"s{number}", 1)))
        await woken(store, 1)
    assert (await send(store, succeed(await take_one(store)))).closed


async def test_an_attempt_that_failed_is_counted_and_the_rest_remembered(store):
    await submit_items(store, 1, policy=policy(max_attempts=3))
    one = await take_one(store)
    failed = trouble(0)
    failed.memos = [step("a", b"[1]")]
    await send(store, Settlement(one.token, one.batch_id, [], [], [], [failed]))
    await run_due(store, 15)
    one = await take_one(store)
    assert (one.attempt, remembered(one)) == (2, {"a": [1]})
    await send(store, suspended(one, sleep("s", 1), memos=[step("b", b"2")]))
    await woken(store, 1)
    again = await take_one(store)
    assert again.attempt == 2
    assert [memo.key for memo in again.memos[0]] == ["a", "b", "s"]
    assert again.memos[0][0].code == "c0de"


async def test_what_is_forgotten_is_done_again(store):
    await parent_waits(store, call("c", seconds=1), policy=policy(max_attempts=2))
    await woken(store, 1)
    await errands(store)
    one = await take_one(store)
    assert remembered(one)["c"].kind == "timeout"
    failed = trouble(0, type="ChildTimeout")
    failed.forget = ["c"]
    await send(store, Settlement(one.token, one.batch_id, [], [], [], [failed]))
    await run_due(store, 15)
    one = await take_one(store)
    assert (one.attempt, remembered(one)) == (2, {})
    await send(store, suspended(one, call("c")))
    await send(store, succeed(await take_one(store, tasks=("child",)), results=[b'"second"']))
    await errands(store)
    assert remembered(await take_one(store)) == {"c": "second"}


async def test_many_sleep_and_wake_at_once(store):
    batch_id = await submit_items(store, 1200, per=500)
    for one in (await take(store)).slices:
        await send(store, suspended(one, sleep("s", 1)))
    assert (await batch_of(store, batch_id)).suspended == 1200
    store.clock.advance(1)
    assert await store.write(wake_due) == 1000
    assert sum(store.statements.values()) < 20
    assert await store.write(wake_due) == 200
    assert indexes((await take(store)).slices) == list(range(1200))


async def test_a_paused_batch_wakes_into_its_pause(store):
    batch_id = await parent_waits(store, sleep("s", 1))
    await store.write(pause, batch_id, reason="")
    assert await woken(store, 1) == 1
    assert not (await take(store)).slices
    await store.write(resume, batch_id, ramp=False)
    assert remembered(await take_one(store)) == {"s": None}


async def test_an_event_times_out(store):
    await parent_waits(store, event("e", "paid", seconds=2.5, match=b'{"id":1}'))
    (rows,) = await store.tables.fetch("select kind, event_name, match, project from wait")
    assert [tuple(row) for row in rows] == [("event", "paid", b'{"id":1}', "default")]
    await woken(store, 2.5)
    found = remembered(await take_one(store))["e"]
    assert (found.kind, found.type, found.message) == ("timeout", "EventTimeout", "No event 'paid' came within 2500ms")


async def test_sleepers_of_a_batched_task_meet_only_those_that_slept_the_same(store):
    config = policy(batch=BatchConfig(size=10))
    await submit_items(store, 4, policy=config)
    one = await take_one(store)
    await send(store, suspended(one, sleep("x", 1), offsets=[0, 1]), suspended(one, sleep("y", 1), offsets=[2, 3]))
    await woken(store, 1)
    await submit_items(store, 1, policy=config)
    groups = [one for _ in range(3) for one in (await take(store, hurried=True)).slices]
    lanes = {}
    for each in groups:
        lanes.setdefault(each.lane, []).extend(each.offsets)
    assert lanes == {"|x": [0, 1], "|y": [2, 3], "": [0]}


# ------------------------------------------------------------------------------------------------- remembering


def writing(one, *memos, offset=0, lease=None, token=None):
    return Remember(one.token if token is None else token, one.batch_id, offset, memos, lease)


async def test_what_is_remembered_survives_the_worker(store):
    await submit_items(store, 2)
    one = await take_one(store, lease=5)
    assert (
        await store.write(remember, [writing(one, step("a"), step("b", b'"x"')), writing(one, step("a"), offset=1)])
        == []
    )
    store.clock.advance(5)
    assert await store.write(expire_leases) == 1
    found = (await take(store, 1)).slices[0]
    assert (remembered(found), found.attempt) == ({"a": 1, "b": "x"}, 1)


async def test_the_first_under_a_key_stays_and_a_state_is_replaced(store):
    await submit_items(store, 1)
    one = await take_one(store)
    first = [step("a", b"1"), step("a", b"2"), Memo("at", "state", b"1"), Memo("at", "state", b"2")]
    await store.write(remember, [writing(one, *first)])
    store.clock.advance(1)
    await store.write(remember, [writing(one, step("a", b"3"), Memo("at", "state", b"3"))])
    await send(store, fail(one, kind="released"))
    assert remembered(await take_one(store)) == {"a": 1, "at": 3}


async def test_any_text_is_a_key(store):
    keys = ["a\0b", "\ud800", "ä", "\x01", "\x01x", " ", "x" * 512]
    await submit_items(store, 1)
    one = await take_one(store)
    await store.write(remember, [writing(one, *(step("s" + key) for key in keys))])
    await send(store, suspended(one, *(sleep(key, 1) for key in keys), call("c\0")))
    awaited = await store.read(list_awaited, one.batch_id, 0)
    assert {each.key for each in awaited} == {*keys, "c\0"}
    await woken(store, 1)
    await send(store, succeed(await take_one(store, tasks=("child",)), results=[b"1"]))
    await errands(store)
    one = await take_one(store)
    assert set(remembered(one)) == {*keys, *("s" + key for key in keys), "c\0"}
    assert {each.key for each in await store.read(list_steps, one.batch_id, 0)} == set(remembered(one))
    failed = trouble(0)
    failed.forget = ["c\0", "\ud800"]
    await send(store, Settlement(one.token, one.batch_id, [], [], [], [failed]))
    await run_due(store, 15)
    assert set(remembered(await take_one(store))) == {*keys, *("s" + key for key in keys)} - {"\ud800"}


async def test_a_late_worker_remembers_nothing(store):
    batch_id = await submit_items(store, 1)
    late = await take_one(store, lease=1)
    store.clock.advance(1)
    await store.write(expire_leases)
    one = await take_one(store)
    answer = await store.write(remember, [writing(late, step("a", b'"late"')), writing(one, step("a", b'"now"'))])
    assert answer == [late.token]
    (rows,) = await store.tables.fetch("select value from memo")
    assert [row[0] for row in rows] == [b'"now"']
    other = await submit_items(store, 1)
    assert await store.write(remember, [Remember(one.token, other, 0, [step("b")])]) == [one.token]
    assert await store.write(remember, [writing(one, step("c"), token=1)]) == [1]
    assert batch_id == one.batch_id


async def test_of_an_item_that_has_settled_nothing_is_remembered(store):
    await submit_items(store, 2)
    one = await take_one(store)
    await send(store, succeed(one, [0]))
    assert await store.write(remember, [writing(one, step("a")), writing(one, step("a"), offset=1)]) == []
    (rows,) = await store.tables.fetch("select idx from memo")
    assert [row[0] for row in rows] == [1]


async def test_remembering_extends_the_lease_and_never_shortens_it(store):
    await submit_items(store, 1)
    one = await take_one(store, lease=10)
    await store.write(remember, [writing(one, lease=5)])
    store.clock.advance(9)
    await store.write(remember, [writing(one, step("a"), lease=10)])
    store.clock.advance(9)
    assert await store.write(expire_leases) == 0
    store.clock.advance(1)
    assert await store.write(expire_leases) == 1


async def test_many_remember_in_a_few_statements(store):
    await submit_items(store, 500)
    one = await take_one(store)
    await store.write(remember, [writing(one, step("a"), offset=offset) for offset in one.offsets])
    assert sum(store.statements.values()) <= 5


async def test_who_remembers_nothing_pays_nothing(store):
    batch_id = await submit_items(store, 4)
    one = await take_one(store, 2)
    names = dict(store.statements)
    assert "read_memos" not in names
    await send(store, succeed(one, [0]), fail(one, 1))
    assert not {name for name in store.statements if "memo" in name or "wait" in name or "errand" in name}
    assert not (await batch_of(store, batch_id)).keyed


# ---------------------------------------------------------------------------------------- retry, delete, recount, views


async def test_a_retry_by_hand_keeps_what_was_good(store):
    batch_id = await parent_waits(store, call("bad"), call("good", "other"), sleep("s", 1), event("e", "x", seconds=1))
    await send(store, succeed(await take_one(store, tasks=("other",)), results=[b"5"]))
    await send(store, fail(await take_one(store, tasks=("child",)), retryable=False))
    await errands(store)
    await woken(store, 1)
    one = await take_one(store)
    assert set(remembered(one)) == {"bad", "good", "s", "e"}
    await send(store, fail(one, retryable=False))
    assert await store.write(retry, batch_id, RetryScope()) == 1
    one = await take_one(store)
    assert (one.attempt, one.round, remembered(one)) == (1, 2, {"good": 5, "s": None})
    await send(store, suspended(one, call("bad")))
    assert (await take_one(store, tasks=("child",))).task == "child"


async def test_a_cancelled_sleeper_can_be_retried_and_sleeps_again(store):
    batch_id = await parent_waits(store, sleep("s", 5))
    await store.write(cancel_items, batch_id, [0])
    assert (await batch_of(store, batch_id)).ended == "cancelled"
    assert await woken(store, 5) == 0
    await store.write(retry, batch_id, RetryScope(states=("cancelled",)))
    one = await take_one(store)
    assert remembered(one) == {}
    await send(store, suspended(one, sleep("s", 5)))
    assert await woken(store, 5) == 1


async def test_deleting_leaves_nothing(store):
    batch_id = await parent_waits(store, sleep("s", 1))
    await woken(store, 1)
    await send(store, succeed(await take_one(store)))
    await store.write(delete, batch_id)
    while await store.write(purge) is not None:
        pass
    assert await store.tables.fetch("select * from memo", "select * from suspension", "select * from wait") == [
        [],
        [],
        [],
    ]


async def test_a_suspension_is_a_place(store):
    batch_id = await parent_waits(store, sleep("s", 5), count=3)
    found = await store.read(recount, batch_id)
    assert (found.differences, found.counted.suspended) == ([], 3)
    await damage(store, "delete from suspension where idx = 1")
    await damage(store, "delete from wait where idx > 0")
    found = await store.read(recount, batch_id)
    assert found.nowhere == [1]
    assert "item 2 is suspended for 1 things, and 0 are there" in found.differences
    store.audited = False
    assert await store.write(reconcile, batch_id)
    assert indexes((await take(store)).slices) == [1]


async def damage(store, statement):
    if store.kind == "postgres":
        await store.tables.connection.execute(statement)
        return
    import sqlite3

    connection = sqlite3.connect(store.store.path, isolation_level=None)
    connection.execute(statement)
    connection.close()


async def test_what_an_execution_did_and_waits_for_can_be_seen(store):
    waits = [call("c", seconds=600), event("e", "paid"), sleep("s", 30)]
    batch_id = await submit_items(store, 2)
    one = await take_one(store, 1)
    await send(store, suspended(one, *waits, memos=[step("load")]))
    awaited = await store.read(list_awaited, batch_id, 0)
    (rows,) = await store.tables.fetch("select id, task from batch")
    child = next(execution_id(bytes(found), 0) for found, task in rows if task == "child")
    assert [(each.key, each.kind, each.child_id, each.event) for each in awaited] == [
        ("c", "child", child, None),
        ("e", "event", None, "paid"),
        ("s", "sleep", None, None),
    ]
    assert await store.read(why_item_waits, batch_id, 0) == [
        f"waits for child {child} ('c'), which times out in 10 min",
        "waits for event 'paid'",
        "waits until its sleep 's' is over, in 30 s",
    ]
    assert await store.read(why_item_waits, batch_id, 1) == []
    await woken(store, 30)
    store.clock.advance(1)
    await send(store, fail(await take_one(store, tasks=("child",)), retryable=False, message="no"))
    await errands(store)
    found = await store.read(list_steps, batch_id, 0)
    assert [(each.key, each.kind, each.child_id) for each in found] == [
        ("load", "step", None),
        ("s", "sleep", None),
        ("c", "child", child),
    ]
    assert getattr(found[2].error, "message", None) == "no"
    assert await store.read(list_steps, batch_id, 1) == []


async def test_settling_late_under_a_lost_lease_suspends_nothing(store):
    batch_id = await submit_items(store, 1)
    late = await take_one(store, lease=1)
    store.clock.advance(1)
    await store.write(expire_leases)
    assert (await send(store, suspended(late, call("c"), memos=[step("a")]))).lost == [late.token]
    assert await suspension_of(store, batch_id) == []
    assert (await store.tables.fetch("select * from memo"))[0] == []


@pytest.mark.parametrize("kind", ["released", "lost", "cancelled"])
async def test_memos_are_kept_however_it_goes_on(store, kind):
    batch_id = await submit_items(store, 1, policy=policy(max_losses=3))
    one = await take_one(store)
    await send(store, Settlement(one.token, one.batch_id, [], [], [], [Trouble(0, kind, memos=[step("a", b"0")])]))
    if kind == "cancelled":
        await store.write(retry, batch_id, RetryScope(states=("cancelled",)))
    assert remembered(await take_one(store)) == {"a": 0}
