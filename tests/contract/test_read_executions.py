from __future__ import annotations

import itertools

import pytest

from stook.core.errors import NotFound, OptionError
from stook.core.ids import execution_id, parse_id
from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.store.script.cancel_items import cancel_items
from stook.store.script.read.batch_list import list_batches
from stook.store.script.read.execution_view import show_execution, show_item, show_key
from stook.store.script.read.executions import executions, failures
from stook.store.script.read.failures import failure_groups
from stook.store.script.read.follow import follow
from stook.store.script.read.results import follow_items, results
from stook.store.script.read.state_map import state_map
from stook.store.script.retry import retry
from stook.store.script.sweep import expire_leases
from tests.contract.batches import drain, fail, payload, result, run_due, send, submit_items, succeed, take_one
from tests.contract.mixture import ERRORS, STATES, TOTAL, mixture


async def paged(store, batch, limit, **options):
    rows, after = [], 0
    while after is not None:
        page = await store.read(executions, batch, after=after, limit=limit, **options)
        assert len(page.rows) == limit or page.after is None
        rows += page.rows
        after = page.after
    return rows


async def test_every_filter_of_states_in_pages_of_every_size(store):
    batch = await mixture(store)
    whole = await store.read(results, batch, 0, 100)
    pairs = [set(pair) for pair in itertools.combinations(STATES, 2)]
    for states in [{state} for state in STATES] + pairs + [set(STATES)]:
        expected = [row for row in whole if row.state in states]
        for limit in (1, 7, TOTAL):
            assert await paged(store, batch, limit, states=states) == expected


async def test_a_range_of_indexes(store):
    batch = await mixture(store)
    for indexes in (range(8, 33), range(60), range(59, 1000), range(5, 5), range(100, 200)):
        rows = await paged(store, batch, 10, indexes=indexes)
        assert [row.index for row in rows] == [index for index in indexes if index < TOTAL]
    rows = await paged(store, batch, 4, indexes=range(9, 41), states={State.failed})
    assert [row.index for row in rows] == [index for index in STATES[State.failed] if 9 <= index < 41]


async def test_a_key(store):
    batch = await mixture(store)
    (row,) = (await store.read(executions, batch, key="key-32")).rows
    assert (row.index, row.key, row.id) == (32, "key-32", execution_id(batch, 32))
    for options in ({"key": "none"}, {"key": "a\0"}, {"key": "key-32", "states": {State.queued}}):
        assert (await store.read(executions, batch, **options)).rows == []
    assert (await store.read(executions, batch, key="key-32", after=33)).rows == []


async def test_a_group_holds_what_failed_so_last(store):
    batch = await mixture(store)
    groups = await store.read(failure_groups, batch)
    assert [(group.message, group.failed) for group in groups] == [("boom", 8), ("bang", 2), ("else", 1)]
    for group in groups:
        for limit in (1, 3, 100):
            rows = await paged(store, batch, limit, group=group.fingerprint)
            assert [row.index for row in rows] == ERRORS[group.message]
            assert {row.error.fingerprint for row in rows} == {group.fingerprint}
    boom = groups[0].fingerprint
    assert (await store.read(executions, batch, group=boom, states={State.succeeded})).rows == []
    assert [row.index for row in await paged(store, batch, 2, group=boom, indexes=range(11, 37))] == [12, 14, 35, 36]
    for unknown in ("none", "a\0"):
        assert (await store.read(executions, batch, group=unknown)).rows == []


async def test_failures_come_with_their_tracebacks(store):
    batch = await mixture(store)
    page = await store.read(failures, batch, limit=5)
    assert [(row.index, row.error.traceback) for row in page.rows] == [(10 + at, f"at {at}") for at in range(5)]
    assert page.after == 32
    groups = await store.read(failure_groups, batch)
    page = await store.read(failures, batch, groups[1].fingerprint)
    assert [row.index for row in page.rows] == ERRORS["bang"]
    assert {row.error.traceback for row in (await store.read(executions, batch)).rows if row.error} == {""}


async def test_groups_say_how_often_and_when(store):
    batch = await submit_items(store, 10)
    one = await take_one(store)
    start = store.clock.now
    await send(store, fail(one, 4, 5, message="a"))
    store.clock.advance(1)
    await send(store, fail(one, 2, message="b", retryable=False))
    await run_due(store, 100)
    await send(store, fail(await take_one(store), 4, message="a", retryable=False))
    a, b = await store.read(failure_groups, batch)
    assert (a.message, a.failed, a.attempts, a.first_index, a.first_at) == ("a", 1, 3, 4, start)
    assert (b.message, b.failed, b.attempts, b.first_at, b.last_at) == ("b", 1, 1, start + 1_000_000, start + 1_000_000)
    assert a.last_at > b.last_at
    await store.write(retry, batch, RetryScope(group=a.fingerprint))
    first, second = await store.read(failure_groups, batch)
    assert (first.message, second.failed, second.attempts) == ("b", 0, 3)


async def test_options_that_make_no_sense_are_refused(store):
    batch = await submit_items(store, 1)
    for options in ({"states": {State.cancelling}}, {"indexes": range(0, 9, 2)}):
        with pytest.raises(OptionError):
            await store.read(executions, batch, **options)


async def test_many_chunks_are_looked_through(store):
    batch = await submit_items(store, 400, per=2)
    await store.write(cancel_items, batch, [3, 170, 399])
    for limit in (1, 10):
        rows = await paged(store, batch, limit, states={State.cancelled})
        assert [row.index for row in rows] == [3, 170, 399]
    assert [row.index for row in await paged(store, batch, 150)] == list(range(400))


async def test_a_page_reads_the_payloads_it_shows_and_no_others(store):
    batch = await submit_items(store, 400, per=100)
    await store.write(executions, batch, after=150, limit=5)
    assert sum(store.statements.values()) <= 10
    assert store.statements["read_payloads"] == 1


async def test_the_map_is_one_byte_for_each(store):
    batch = await mixture(store)
    whole = b"".join(states for _, states in await store.read(state_map, batch))
    assert {state: [i for i, byte in enumerate(whole) if byte == state] for state in STATES} == STATES
    pieces, after = [], 0
    while page := await store.read(state_map, batch, after, 2):
        assert page[0][0] == after
        pieces += [states for _, states in page]
        after = page[-1][0] + len(page[-1][1])
    assert b"".join(pieces) == whole
    assert await store.read(state_map, batch, 15, 1) == [(10, whole[10:20])]
    assert await store.read(state_map, batch, 2**40) == []


# ------------------------------------------------------------------------------------------------ one execution


async def test_one_that_succeeded_at_last(store):
    batch = await submit_items(store, 5, keys=list("abcde"))
    first = store.clock.now
    await send(store, fail(await take_one(store), message="once", traceback="here"))
    await run_due(store, 20)
    await send(store, succeed(await take_one(store)))
    view = await store.read(show_key, batch, "c")
    assert view == await store.read(show_execution, parse_id(execution_id(batch, 2)))
    assert view == await store.read(show_item, batch, 2)
    assert (view.item.state, view.item.input, view.item.result) == (State.succeeded, payload(2), result(2))
    lost, won = view.attempts
    assert (lost.attempt, lost.final, lost.error.message, lost.error.traceback) == (1, False, "once", "here")
    assert (lost.ended_at, lost.duration) == (first, 9)
    assert (won.attempt, won.final, won.error, won.ended_at, won.duration) == (2, True, None, store.clock.now, 7)
    assert (view.lease, view.waits) == (None, None)
    assert view.batch.id == batch


async def test_one_that_runs(store):
    batch = await submit_items(store, 5)
    held = await take_one(store, 3, worker="me", lease=30)
    view = await store.read(show_item, batch, 1)
    assert view.item.state is State.running
    assert (view.lease.token, view.lease.worker, view.lease.attempt) == (held.token, "me", 1)
    assert view.lease.expires_at == store.clock.after(30)
    assert (await store.read(show_item, batch, 4)).lease is None


async def test_one_that_waits_for_its_time_and_then_for_a_worker(store):
    batch = await submit_items(store, 2, run_at=store.clock.after(60))
    view = await store.read(show_item, batch, 1)
    assert (view.item.state, view.waits.due_at) == (State.scheduled, store.clock.after(60))
    await run_due(store, 61)
    view = await store.read(show_item, batch, 1)
    assert view.item.state is State.queued
    assert view.waits.ready_at == store.clock.now


async def test_losses_are_told_apart_from_attempts(store):
    batch = await submit_items(store, 1)
    while (view := await store.read(show_item, batch, 0)).item.state is not State.failed:
        await take_one(store, lease=1)
        store.clock.advance(2)
        await store.write(expire_leases)
    (last,) = view.attempts
    assert (last.attempt, last.loss, last.final, last.error.code) == (1, 3, True, "worker_lost")
    assert (view.item.error.code, view.batch.losses) == ("worker_lost", 4)


async def test_its_history_is_in_the_order_of_time(store):
    batch = await submit_items(store, 1)
    await send(store, fail(await take_one(store), kind="lost", message="lost first"))
    store.clock.advance(1)
    await send(store, fail(await take_one(store), retryable=False, message="then failed"))
    view = await store.read(show_item, batch, 0)
    assert [(one.attempt, one.loss, one.error.message) for one in view.attempts] == [
        (1, 1, "lost first"),
        (1, 0, "then failed"),
    ]


async def test_rounds_are_kept_apart_in_its_history(store):
    batch = await submit_items(store, 1)
    await send(store, fail(await take_one(store), retryable=False, message="old"))
    await store.write(retry, batch, RetryScope())
    await drain(store)
    view = await store.read(show_item, batch, 0)
    assert [(one.round, one.attempt, one.final, one.error is None) for one in view.attempts] == [
        (1, 1, True, False),
        (2, 1, True, True),
    ]


async def test_what_is_not_there(store):
    batch = await submit_items(store, 3)
    empty = await submit_items(store, 0)
    for index in (3, 2**32 - 1, -1):
        with pytest.raises(NotFound, match="items 0 to 2"):
            await store.read(show_item, batch, index)
    with pytest.raises(NotFound, match="items 0 to 2"):
        await store.read(show_execution, parse_id(execution_id(batch, 2**32 - 1)))
    with pytest.raises(NotFound, match="no items"):
        await store.read(show_item, empty, 0)
    with pytest.raises(NotFound, match="'nobody'"):
        await store.read(show_key, batch, "nobody")
    with pytest.raises(NotFound):
        await store.read(show_execution, b"\1" * 16)


async def test_a_page_of_nothing_is_refused(store):
    batch = await submit_items(store, 3)
    for verb, name in ((executions, "limit"), (follow, "limit"), (follow_items, "limit"), (results, "chunks")):
        with pytest.raises(OptionError, match=name):
            await store.read(verb, batch, **{name: 0})
    with pytest.raises(OptionError, match="limit"):
        await store.read(list_batches, "default", limit=0)
