"""Executions that wait for executions: how these start, and what of their end reaches who waits."""

from __future__ import annotations

import pytest

from stook.core.ids import execution_id
from stook.core.memo import MemoError
from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.store.script.cancel_executions import cancel_executions
from stook.store.script.cancel_items import cancel_items
from stook.store.script.errands import run_errands
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from stook.store.script.task_row import see_tasks
from tests.contract.batches import (
    batch_of,
    drain,
    fail,
    indexes,
    inputs,
    policy,
    send,
    states_of,
    submit_items,
    succeed,
    take,
    take_one,
)
from tests.contract.durable import call, errands, parent_waits, remembered, sleep, step, suspended, suspension_of, woken


async def children_of(store, task="child"):
    """(batch, index) of each, in order."""
    (rows,) = await store.tables.fetch("select id, task, total from batch order by id")
    return [(bytes(batch_id), index) for batch_id, name, total in rows if name == task for index in range(total)]


async def test_a_childs_result_wakes_its_parent_in_the_attempt_it_was_in(store):
    batch_id = await parent_waits(store, call("a"))
    assert (await batch_of(store, batch_id)).suspended == 1
    assert not (await take(store)).slices
    child = await take_one(store, tasks=("child",))
    assert inputs(child) == [b'{"of":"a"}']
    assert child.extras[0].parent == execution_id(batch_id, 0)
    await send(store, succeed(child, results=[b'{"x": [1,  2]}']))
    assert await states_of(store, batch_id) == bytes([State.suspended])
    assert await errands(store) == 1
    one = await take_one(store)
    assert (one.batch_id, one.attempt, one.round) == (batch_id, 1, 1)
    assert [(memo.key, memo.kind, memo.value) for memo in one.memos[0]] == [("a", "child", b'{"x": [1,  2]}')]
    await send(store, succeed(one))
    assert (await batch_of(store, batch_id)).ended == "succeeded"


async def test_children_are_batches_that_nobody_sees(store):
    await parent_waits(store, call("a"))
    ((child, _),) = await children_of(store)
    row = await batch_of(store, child)
    assert (row.single, row.phase, row.total, row.consumed, row.sealed_at is None) == (1, "active", 1, 1, False)


async def test_the_parent_waits_for_all(store):
    batch_id = await parent_waits(store, call("a"), call("b"), sleep("s", 5))
    assert await suspension_of(store, batch_id) == [(0, 3)]
    child = await take_one(store, tasks=("child",))
    await send(store, succeed(child, [0], [b"1"]))
    assert await errands(store) == 1
    assert await suspension_of(store, batch_id) == [(0, 2)]
    assert await woken(store, 5) == 1
    assert not (await take(store)).slices
    await send(store, succeed(child, [1], [b"2"]))
    assert await errands(store) == 1
    assert remembered(await take_one(store)) == {"a": 1, "b": 2, "s": None}


async def test_failure_cancellation_and_expiry_are_told_apart(store):
    await parent_waits(store, call("f"), call("c", "other"))
    await send(store, fail(await take_one(store, tasks=("child",)), retryable=False, message="no such row"))
    ((failed, _),) = await children_of(store)
    ((other, _),) = await children_of(store, "other")
    await store.write(cancel_executions, other, [0], reason="no longer wanted")
    assert await errands(store) == 2
    found = remembered(await take_one(store))
    assert found["f"] == MemoError("failed", "ValueError", "no such row", execution_id(failed, 0))
    assert found["c"] == MemoError("cancelled", "Cancelled", "no longer wanted", execution_id(other, 0))


async def test_a_cancelled_batch_of_children_says_why(store):
    await parent_waits(store, call("a"), call("b"))
    ((child, _), _) = await children_of(store)
    await store.write(cancel, child, hard=True, reason="too dear")
    assert await errands(store) == 2
    found = remembered(await take_one(store))
    assert [(one.kind, one.message) for one in found.values()] == [("cancelled", "too dear")] * 2


async def test_a_retry_of_the_child_is_not_its_end(store):
    batch_id = await parent_waits(store, call("a", policy=policy(max_attempts=2)))
    await send(store, fail(await take_one(store, tasks=("child",))))
    assert await errands(store) == 0
    assert await suspension_of(store, batch_id) == [(0, 1)]


async def test_the_failure_of_a_child_may_be_its_parents(store):
    batch_id = await parent_waits(store, call("a", on_failure="fail_parent"), call("b", "other"), sleep("s", 9))
    await send(store, fail(await take_one(store, tasks=("child",)), retryable=False, message="gone"))
    assert await errands(store) == 2
    row = await batch_of(store, batch_id)
    assert (row.ended, row.failed, row.suspended, row.retries) == ("failed", 1, 0, 0)
    (rows,) = await store.tables.fetch("select type, message, final, attempt, batch_id from failure")
    assert [tuple(one[:4]) for one in rows if one[4] == batch_id] == [
        ("ChildFailed", "Child execution failed: gone", 1, 1)
    ]
    ((other, _),) = await children_of(store, "other")
    assert (await batch_of(store, other)).ended == "cancelled"
    assert await woken(store, 9) == 0


async def test_a_child_of_a_child_fails_them_all(store):
    top = await parent_waits(store, call("a", on_failure="fail_parent"))
    middle = await take_one(store, tasks=("child",))
    await send(store, suspended(middle, call("b", "leaf", on_failure="fail_parent")))
    await send(store, fail(await take_one(store, tasks=("leaf",)), retryable=False, message="deep"))
    assert await errands(store) == 2
    assert [(await batch_of(store, one)).ended for one in (top, middle.batch_id)] == ["failed", "failed"]
    (rows,) = await store.tables.fetch("select message, batch_id from failure")
    assert [message for message, owner in rows if owner == top] == [
        "Child execution failed: Child execution failed: deep"
    ]


@pytest.mark.parametrize("group", [None, "g"])
async def test_ten_thousand_children_are_a_few_statements(store, group):
    store.audited = False
    batch_id = await parent_waits(store, *(call(f"k[{n}]", group=group, max_parallel=7) for n in range(10_000)))
    assert store.statements["insert_wait"] == store.statements["insert_batch"] == 1
    assert sum(store.statements.values()) < 25
    ((child, _), *rest) = await children_of(store)
    assert len(rest) == 9999
    assert (await batch_of(store, child)).max_concurrency == (7 if group else None)
    if group:
        await store.write(cancel, child, hard=True, reason="")
    else:
        await drain(store, tasks=("child",))
    done = rounds = 0
    while count := await store.write(run_errands):
        assert sum(store.statements.values()) < 25
        done, rounds = done + count, rounds + 1
    assert (done, rounds) == (10_000, 10)
    one = await take_one(store)
    assert len(one.memos[0]) == 10_000
    assert (one.batch_id, one.attempt) == (batch_id, 1)
    await store.audit()


async def test_a_group_runs_only_so_many_at_once(store):
    await parent_waits(store, *(call(f"k[{n}]", group="k", max_parallel=2) for n in range(5)))
    first = await take(store, tasks=("child",))
    assert len(indexes(first.slices)) == 2
    assert not (await take(store, tasks=("child",))).slices
    await send(store, *(succeed(one) for one in first.slices))
    assert len(indexes((await take(store, tasks=("child",))).slices)) == 2


async def test_priority_is_the_parents_unless_it_is_said(store):
    await parent_waits(store, call("a"), call("b", priority=-3), priority=5)
    found = await take(store, tasks=("child",))
    assert sorted((one.priority, inputs(one)) for one in found.slices) == [(-3, [b'{"of":"b"}']), (5, [b'{"of":"a"}'])]


async def test_a_task_is_looked_up_where_the_caller_does_not_know_it(store):
    known = policy(queue="far", max_attempts=1, timeout=7.0)
    await store.write(see_tasks, [("child", "far", known, None)], 0)
    await parent_waits(store, call("a", policy=None), call("b", policy=None, queue="far"))
    found = await take(store, tasks=("child",))
    assert {one.policy.timeout for one in found.slices} == {7.0}
    assert len(indexes(found.slices)) == 2


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"policy": None}, "no worker has ever known a task 'child'"),
        ({"queue": "near"}, "task 'child' is on queue 'default', not on 'near'"),
        ({"policy": '{"queue":""}'}, "the policy of task 'child' cannot be read"),
    ],
    ids=["unknown task", "other queue", "bad policy"],
)
async def test_a_call_that_cannot_be_made_is_an_error_at_once(store, wrong, says):
    batch_id = await parent_waits(store, call("a", **wrong))
    assert await suspension_of(store, batch_id) == []
    one = await take_one(store)
    assert says in remembered(one)["a"].message
    assert (one.attempt, (await batch_of(store, batch_id)).suspended) == (1, 0)


async def test_a_call_that_cannot_be_made_may_fail_the_parent(store):
    batch_id = await parent_waits(store, call("a", policy=None, on_failure="fail_parent"))
    assert await errands(store) == 1
    assert (await batch_of(store, batch_id)).ended == "failed"


async def test_falsy_results_are_results(store):
    values = [b"0", b'""', b"false", b"null", b"[]", b'"\\u0000"']
    await parent_waits(store, *(call(f"k{n}") for n in range(len(values))))
    child = await take_one(store, tasks=("child",))
    await send(store, succeed(child, results=values))
    await errands(store)
    one = await take_one(store)
    assert [(memo.value, memo.error) for memo in sorted(one.memos[0], key=lambda memo: memo.key)] == [
        (value, None) for value in values
    ]


async def test_a_timeout_cancels_what_has_not_started(store):
    batch_id = await parent_waits(store, call("a", seconds=1.0), call("b", "other", seconds=1.0))
    other = await take_one(store, tasks=("other",))
    assert await woken(store, 0.999) == 0
    assert await woken(store, 0.001) == 2
    one = await take_one(store)
    found = remembered(one)
    assert found["a"].message == found["b"].message == "Child execution timed out after 1000ms"
    assert {error.kind for error in found.values()} == {"timeout"}
    assert await errands(store) == 2
    ((child, _),) = await children_of(store)
    assert (await batch_of(store, child)).ended == "cancelled"
    (reasons,) = await store.tables.fetch("select kind, reason from item_change")
    assert [tuple(row) for row in reasons] == [("cancel", "Cancelled: parent timed out")]
    assert (await send(store, succeed(other))).stale == 0
    assert (await batch_of(store, other.batch_id)).ended == "succeeded"
    assert await errands(store) == 0
    assert one.batch_id == batch_id


@pytest.mark.parametrize(("how", "waiting", "running"), [("always", 6, 6), ("never", 4, 4), ("unstarted", 6, 4)])
async def test_what_a_timeout_cancels_is_chosen(store, how, waiting, running):
    await parent_waits(
        store, call("a", seconds=1, cancel_on_timeout=how), call("b", "other", seconds=1, cancel_on_timeout=how)
    )
    other = await take_one(store, tasks=("other",))
    await woken(store, 1)
    await errands(store)
    await drain(store, tasks=("child",))
    await send(store, succeed(other))
    ((child, _),) = await children_of(store)
    assert list(await states_of(store, child) + await states_of(store, other.batch_id)) == [waiting, running]


async def test_what_has_begun_goes_on_after_a_timeout_wherever_it_is(store):
    """One waits for its retry, one sleeps, one is back from its sleep; of their kind, none runs."""
    await parent_waits(store, *(call(key, seconds=5, policy=policy(max_attempts=2)) for key in "rsw"))
    retries, sleeps, woke = (await take(store, 1, tasks=("child",))).slices + [
        (await take(store, 1, tasks=("child",))).slices[0] for _ in range(2)
    ]
    await send(store, fail(retries), suspended(sleeps, sleep("s", 60)), suspended(woke, sleep("s", 1)))
    await woken(store, 1)
    await woken(store, 4)
    assert await errands(store) == 3
    assert len(remembered(await take_one(store))) == 3
    states = await states_of(store, retries.batch_id)
    assert list(states) == [State.scheduled, State.suspended, State.queued]


async def test_cancelling_who_waits_cancels_whom_it_waits_for(store):
    batch_id = await parent_waits(store, call("a"), call("b", "other"), sleep("s", 3), count=2)
    running = await take_one(store, 1, tasks=("other",))
    answer = await store.write(cancel_items, batch_id, [0])
    assert answer.ended == [0]
    assert await suspension_of(store, batch_id) == [(1, 3)]
    assert await errands(store) == 2
    children, others = await children_of(store), await children_of(store, "other")
    assert sorted(await states_of(store, children[0][0])) == [State.queued, State.cancelled]
    assert (await states_of(store, others[0][0]))[running.offsets[0]] == State.cancelling


async def test_children_may_outlive_a_cancel(store):
    batch_id = await parent_waits(store, call("a"))
    await store.write(cancel_items, batch_id, [0], children=False)
    assert await errands(store) == 0
    await drain(store, tasks=("child",))
    assert await errands(store) == 0
    ((child, _),) = await children_of(store)
    assert (await batch_of(store, child)).ended == "succeeded"


@pytest.mark.parametrize("hard", [True, False])
async def test_cancelling_a_batch_ends_what_waits_in_it(store, hard):
    batch_id = await parent_waits(store, call("a"), count=3)
    await store.write(cancel, batch_id, hard=hard, reason="enough")
    row = await batch_of(store, batch_id)
    assert (row.ended, row.cancelled, row.suspended) == ("cancelled", 3, 0)
    assert await errands(store) == 3
    ((child, _), *_) = await children_of(store)
    assert (await batch_of(store, child)).ended == "cancelled"


async def test_news_of_a_child_that_is_awaited_no_more_are_not_taken_for_anothers(store):
    """The child ends; before its parent hears of it, it is cancelled, retried, and waits for another under the key."""
    batch_id = await parent_waits(store, call("c"))
    first = await take_one(store, tasks=("child",))
    await send(store, succeed(first, results=[b'"old"']))
    await store.write(cancel_items, batch_id, [0])
    await store.write(retry, batch_id, RetryScope(("cancelled",)))
    await send(store, suspended(await take_one(store), call("c")))
    await errands(store)
    assert await suspension_of(store, batch_id) == [(0, 1)]
    await send(store, succeed(await take_one(store, tasks=("child",)), results=[b'"new"']))
    await errands(store)
    assert remembered(await take_one(store)) == {"c": "new"}


@pytest.mark.parametrize("hard", [True, False])
async def test_of_a_batch_that_is_being_stopped_nothing_suspends(store, hard):
    batch_id = await submit_items(store, 1)
    one = await take_one(store)
    await store.write(cancel, batch_id, hard=hard, reason="")
    await send(store, suspended(one, call("a"), memos=[step("s")]))
    assert (await batch_of(store, batch_id)).ended == "cancelled"
    assert await children_of(store) == []
