"""Invoking: one receipt per item, each item as it asked to be."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.errors import DuplicateKey, QuotaExceeded
from stook.core.extras import ItemExtras
from stook.core.ids import execution_id
from stook.core.states import State
from stook.store.script.cancel_executions import cancel_executions
from stook.store.script.project import change_project
from stook.store.script.read.execution_view import show_item
from stook.store.script.spent_keys import purge_spent_keys
from stook.store.script.submit import submit
from stook.store.script.sweep import expire_waiting
from tests.contract.batches import (
    batch_of,
    chunked,
    claim_all,
    drain,
    fail,
    inputs,
    new_batch,
    payload,
    payloads,
    run_due,
    send,
    states_of,
    succeed,
    take_one,
)
from tests.contract.invocations import Call, call, invoke_items, item, keyed
from tests.contract.moving_clock import SECOND


async def runs(store, **options):
    """The inputs of all that may run now, in the order in which they are handed out."""
    return [one for slice_ in await claim_all(store, 1, **options) for one in inputs(slice_)]


async def test_each_item_is_as_it_asked_to_be(store):
    made = await call(
        store,
        item(0),
        item(1, priority=5),
        item(2, delay=10 * SECOND),
        item(3, run_at=store.clock.after(-10), priority=-1),
        item(4, expires_in=5 * SECOND, priority=9),
        item(5, tags=["red"], extras=ItemExtras(timeout=2.5, metadata={"a": 1}, tags=("red",))),
    )
    assert (made.created, made.own, made.reasons) == ([True] * 6, list(range(6)), [None] * 6)
    assert await runs(store) == [payload(4), payload(1), payload(0), payload(5), payload(3)]
    assert (await batch_of(store, made.batch)).scheduled == 1
    await run_due(store, 10)
    assert await runs(store) == [payload(2)]


async def test_of_one_priority_the_first_runs_first_whatever_else_they_asked_for(store):
    soon = 60 * SECOND
    await call(store, *(item(n, expires_in=soon if n % 2 else None, priority=n // 4) for n in range(8)))
    assert await runs(store) == [*payloads(4, 4), *payloads(4)]


async def test_what_an_item_has_of_its_own_reaches_its_slice_and_no_other(store):
    mine = ItemExtras(timeout=2.5, metadata={"a": 1})
    made = await call(store, item(0), item(1, extras=mine), item(2, delay=SECOND))
    slices = await claim_all(store)
    found = {one.batch_id: dict(one.extras) for one in slices}
    assert found == {made.batch: {1: mine}}
    await run_due(store, 1)
    (late,) = await claim_all(store)
    assert late.extras == {2: ItemExtras(run_at=store.clock.now)}


async def test_what_was_not_started_in_time_expires(store):
    made = await call(store, item(0, expires_in=5 * SECOND), item(1))
    store.clock.advance(6)
    assert await store.write(expire_waiting) == 1
    assert await states_of(store, made.batch) == bytes([State.expired, State.queued])


async def test_tasks_may_be_mixed_and_each_has_a_batch_of_its_own(store):
    one, two = await invoke_items(store, ("t", [item(0), keyed(1, "a")]), ("u", [keyed(2, "a"), item(3)]))
    assert one.batch != two.batch
    assert (one.own, two.own) == ([0, 1], [0, 1])
    assert sorted(await runs(store, tasks=("t", "u"))) == payloads(4)


async def test_a_call_that_creates_nothing_makes_no_batch(store):
    first = await call(store, keyed(0, "a"))
    again = await call(store, keyed(1, "a"))
    assert (again.places, again.reasons, again.created) == (first.places, ["duplicate"], [False])
    (rows,) = await store.tables.fetch("select id from batch")
    assert [bytes(row[0]) for row in rows] == [first.batch]


async def test_a_repeat_changes_nothing_and_lets_the_holder_run(store):
    await call(store, keyed(0, "a", priority=3))
    one = await take_one(store)
    again = await call(store, keyed(1, "a", delay=SECOND))
    assert again.reasons == ["duplicate"]
    await send(store, succeed(one))
    assert await runs(store) == []


@pytest.mark.parametrize("end", ["succeed", "fail", "cancel"])
async def test_a_key_is_free_once_its_holder_has_ended(store, end):
    made = await call(store, keyed(0, "a"))
    match end:
        case "succeed":
            await drain(store)
        case "fail":
            await send(store, fail(await take_one(store), retryable=False))
        case _:
            assert await store.write(cancel_executions, made.batch, [0], reason="") == [0]
    again = await call(store, keyed(1, "a"))
    assert (again.reasons, again.own) == ([None], [0])


async def test_a_key_rests_for_its_ttl_behind_the_end(store):
    first = await call(store, keyed(0, "a", ttl=60 * SECOND))
    store.clock.advance(100)  # it does not count before the end
    assert await drain(store) == 1
    store.clock.advance(59)
    assert await store.write(purge_spent_keys) == 0
    resting = await call(store, keyed(1, "a"))
    assert (resting.reasons, resting.places) == (["duplicate"], first.places)
    created = await store.write(submit, new_batch(store), chunked(payloads(1), dedupe=["a"]))
    assert (created.total, created.existing) == (0, [(0, first.batch, 0)])
    store.clock.advance(1)
    again = await call(store, keyed(2, "a"))
    assert (again.reasons, again.own) == ([None], [0])


async def test_a_rested_key_is_free_for_submissions_too(store):
    await call(store, keyed(0, "a", ttl=SECOND))
    await drain(store)
    store.clock.advance(1)
    assert (await store.write(submit, new_batch(store), chunked(payloads(1), dedupe=["a"]))).total == 1


async def test_rested_keys_are_purged_once_they_are_free(store):
    await call(store, keyed(0, "a", ttl=SECOND), keyed(1, "b", ttl=9 * SECOND))
    await drain(store)
    store.clock.advance(1)
    assert await store.write(purge_spent_keys) == 1
    assert await store.write(purge_spent_keys) == 0
    (rows,) = await store.tables.fetch("select key from dedupe")
    assert rows == [("b",)]


async def test_equal_keys_of_one_call_fold_into_the_last(store):
    made = await call(store, keyed(0, "a"), item(1), keyed(2, "a", priority=9), keyed(3, "b"))
    assert made.reasons == ["folded", None, None, None]
    assert made.created == [False, True, True, True]
    assert made.own == [1, 0, 1, 2]
    assert await runs(store) == [payload(2), payload(1), payload(3)]


async def test_folded_items_share_the_answer_of_the_holder(store):
    first = await call(store, keyed(0, "a"))
    again = await call(store, keyed(1, "a"), keyed(2, "a"))
    assert (again.places, again.reasons) == (first.places * 2, ["duplicate"] * 2)


async def test_reject_names_every_item_and_writes_nothing(store):
    first = await call(store, keyed(0, "a"), keyed(0, "b"))
    with pytest.raises(DuplicateKey) as caught:
        await call(store, item(1), keyed(2, "b", "reject"), keyed(3, "c", "reject"), keyed(4, "a", "reject"))
    assert caught.value.existing_id == execution_id(first.batch, 1)
    assert (caught.value.index, [one.index for one in caught.value.errors]) == (1, [1, 3])
    assert len(await runs(store)) == 2
    (rows,) = await store.tables.fetch("select key from dedupe order by key")
    assert [key for (key,) in rows] == ["a", "b"]


async def test_a_call_in_several_commits_is_one_batch(store):
    new = new_batch(store)
    first = await call(store, item(0), keyed(1, "a"), new=new, whole=False, sealed=False)
    assert (await batch_of(store, new.id)).sealed_at is None
    second = await call(store, keyed(2, "b"), keyed(3, "a"), item(4), new=new, whole=False, begun=True)
    assert (first.own, second.own) == ([0, 1], [2, 1, 3])
    batch = await batch_of(store, new.id)
    assert (batch.total, batch.sealed_at is None) == (4, False)
    assert await drain(store) == 4
    assert (await call(store, keyed(0, "b"))).reasons == [None]


async def test_a_quota_refuses_the_whole_call(store):
    await store.write(change_project, "default", {"max_queued_items": 2})
    with pytest.raises(QuotaExceeded):
        await call(store, *(keyed(n, f"k{n}") for n in range(3)))
    (rows,) = await store.tables.fetch("select key from dedupe")
    assert rows == []


# ------------------------------------------------------------------------------------------------ replace


async def test_replace_overwrites_what_was_never_started(store):
    first = await call(store, item(9), keyed(0, "a", delay=60 * SECOND, tags=["old"], extras=ItemExtras(timeout=1.0)))
    mine = ItemExtras(timeout=7.0, metadata={"by": 2})
    again = await call(store, keyed(1, "a", "replace", priority=3, tags=["new"], extras=mine))
    assert (again.reasons, again.places, again.created) == (["replaced"], [first.places[1]], [False])
    batch = await batch_of(store, first.batch)
    assert (batch.total, batch.scheduled) == (2, 0)
    slices = await claim_all(store, 1)
    assert [inputs(one) for one in slices] == [[payload(1)], [payload(9)]]
    assert dict(slices[0].extras) == {1: mine}
    view = await store.read(show_item, first.batch, 1)
    assert list(view.item.tags) == ["new"]
    await send(store, *(succeed(one) for one in slices))
    assert (await batch_of(store, first.batch)).phase == "closed"


async def test_replaced_again_and_again_it_keeps_the_last_payload_alone(store):
    first = await call(store, keyed(0, "a"))
    for n in range(1, 6):
        assert (await call(store, keyed(n, "a", "replace", delay=n * SECOND))).places == first.places
    (rows,) = await store.tables.fetch("select count(*) from item_change")
    assert rows[0][0] == 1
    assert await runs(store) == []
    await run_due(store, 5)
    assert await runs(store) == [payload(5)]


async def test_replace_leaves_what_was_started_alone(store):
    first = await call(store, keyed(0, "a"))
    one = await take_one(store)
    assert (await call(store, keyed(1, "a", "replace"))).reasons == ["duplicate"]
    await send(store, fail(one))  # it waits for its second attempt
    assert (await call(store, keyed(1, "a", "replace"))).places == first.places
    await run_due(store, 60)
    assert await runs(store) == [payload(0)]


async def test_replacing_many_of_one_chunk_leaves_the_others_where_they_are(store):
    await call(store, *(keyed(n, f"k{n}") for n in range(10)))
    again = await call(store, *(keyed(100 + n, f"k{n}", "replace", priority=1) for n in range(0, 10, 3)))
    assert again.reasons == ["replaced"] * 4
    expected = [payload(100 + n) for n in range(0, 10, 3)] + [payload(n) for n in range(10) if n % 3]
    assert await runs(store) == expected


# ------------------------------------------------------------------------------------------------ supersede


async def test_supersede_cancels_what_waits_and_creates_anew(store):
    first = await call(store, keyed(0, "a"), item(5))
    again = await call(store, keyed(1, "a", "supersede"))
    assert (again.reasons, again.created, again.own) == (["superseded"], [True], [0])
    assert await states_of(store, first.batch) == bytes([State.cancelled, State.queued])
    view = await store.read(show_item, first.batch, 0)
    assert [(one.kind, one.reason) for one in view.changes] == [("cancel", "superseded by reinvoke")]
    assert (await call(store, keyed(2, "a"))).places == again.places
    assert sorted(await runs(store)) == [payload(1), payload(5)]


async def test_supersede_stops_what_runs_and_keeps_the_key(store):
    first = await call(store, keyed(0, "a"))
    one = await take_one(store)
    again = await call(store, keyed(1, "a", "supersede"))
    assert await states_of(store, first.batch) == bytes([State.cancelling])
    await send(store, succeed(one))
    assert await states_of(store, first.batch) == bytes([State.cancelled])
    assert (await call(store, keyed(2, "a"))).places == again.places


async def test_supersede_of_many_in_one_call(store):
    first = await call(store, *(keyed(n, f"k{n}") for n in range(6)))
    again = await call(store, *(keyed(10 + n, f"k{n}", "supersede") for n in range(8)))
    assert again.reasons == ["superseded"] * 6 + [None] * 2
    assert (await batch_of(store, first.batch)).ended == "cancelled"
    assert await runs(store) == payloads(8, 10)


# ------------------------------------------------------------------------------------------------ cancel


async def test_a_cancel_says_whether_it_was_what_did_it(store):
    made = await call(store, item(0), item(1), item(2, delay=SECOND))
    one = await take_one(store, 1)
    stop = {"reason": "enough"}
    assert await store.write(cancel_executions, made.batch, [0, 1, 2], **stop) == [0, 1, 2]
    assert await store.write(cancel_executions, made.batch, [0, 1, 2, 77], **stop) == []
    await send(store, succeed(one))
    assert await states_of(store, made.batch) == bytes([State.cancelled] * 3)
    for index in range(3):
        view = await store.read(show_item, made.batch, index)
        assert [(change.kind, change.reason) for change in view.changes] == [("cancel", "enough")]


# ------------------------------------------------------------------------------------------------ many, and set-based


async def test_statements_do_not_grow_with_the_items(store):
    counts = []
    for count in (2, 600):
        store.audited = False
        for mode in ("return_existing", "replace", "supersede"):
            await call(store, *(keyed(n, f"{count}-{n}", mode) for n in range(count)))
        counts.append(dict(store.statements))
    assert counts[0] == counts[1]


async def test_two_processes_with_the_same_keys_create_each_once(store, other):
    keys = [f"k{n}" for n in range(20)]
    calls: list[Call] = await asyncio.gather(
        *(
            call(store, *(keyed(n, key) for n, key in enumerate(keys)), other=[store, other][number % 2])
            for number in range(6)
        )
    )
    assert len({tuple(one.places) for one in calls}) == 1
    assert sum(sum(one.created) for one in calls) == 20
    assert sorted(await runs(store)) == sorted(payloads(20))
