from __future__ import annotations

from stook.core.chunk import make_chunk
from stook.core.picks import pack
from stook.core.retry_scope import RetryScope
from stook.core.states import TERMINAL, State
from stook.store.script.read.results import results
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from stook.store.script.submit import submit
from tests.contract.batches import (
    drain,
    fail,
    new_batch,
    payload,
    result,
    run_due,
    send,
    submit_items,
    succeed,
    take_one,
)
from tests.contract.mixture import ERRORS, KEYS, STATES, TOTAL, mixture


async def all_of(store, batch, chunks):
    rows = []
    while page := await store.read(results, batch, len(rows), chunks):
        rows += page
    return rows


async def test_everything_comes_in_input_order_as_it_is_now(store):
    batch = await mixture(store)
    for chunks in (1, 4, 100):
        rows = await all_of(store, batch, chunks)
        assert [row.index for row in rows] == list(range(TOTAL))
        assert [row.input for row in rows] == [payload(index) for index in range(TOTAL)]
        assert [row.key for row in rows] == KEYS
        state_of = {index: state for state, indexes in STATES.items() for index in indexes}
        assert {row.index: row.state for row in rows} == state_of
        for row in rows:
            succeeded, ended = row.state is State.succeeded, row.state in TERMINAL
            assert row.result == (result(row.index) if succeeded else None)
            assert (row.duration == 7) == succeeded
            assert (row.error is not None) == (row.state is State.failed)
            assert (row.finished_at is not None) == (row.settle is not None) == ended
        assert {
            message: [row.index for row in rows if row.error and row.error.message == message] for message in ERRORS
        } == ERRORS


async def test_attempts_and_rounds(store):
    batch = await mixture(store)
    rows = await all_of(store, batch, 100)
    attempts = {row.index: (row.round, row.attempts) for row in rows}
    assert {attempts[index] for index in range(10)} == {(1, 1)}
    assert {attempts[index] for index in range(20, 25)} == {(1, 1)}, "one failed, the next is due later"
    assert {attempts[index] for index in range(25, 30)} == {(1, 1)}, "running its first"
    assert {attempts[index] for index in (30, 31, 32, 33)} == {(2, 1)}
    assert attempts[34] == (2, 0), "taken up again, not begun"
    assert attempts[40][1] == 0
    assert {attempts[index] for index in (41, 55)} == {(1, 0)}
    assert {attempts[index] for index in range(50, 55)} == {(1, 1)}


async def test_any_place_may_be_the_first(store):
    batch = await mixture(store)
    rows = await all_of(store, batch, 100)
    for after in range(TOTAL + 2):
        page = await store.read(results, batch, after, 2)
        end = min(TOTAL, (after // 10 + 2) * 10)
        assert page == rows[after:end]
    assert await store.read(results, batch, 2**40) == []


async def test_items_of_all_sizes_come_back_byte_for_byte(store):
    items = [
        b"1",
        b'""',
        b'"' + b"x" * 70_000 + b'"',
        b"[]",
        '{"é":"\U0001f9fa"}'.encode(),
        rb'"\u0000\ud800"',
        b"null",
    ]
    new = new_batch(store)
    await store.write(submit, new, [make_chunk(items[:4]), make_chunk(items[4:])])
    one = await take_one(store, 4)
    await send(store, succeed(one, [3, 1], [items[6], items[5]]))
    await send(store, succeed(one, [0, 2], [items[4], items[2]]))
    rows = await all_of(store, new.id, 1)
    assert [row.input for row in rows] == items
    assert [row.result for row in rows[:4]] == [items[4], items[5], items[2], items[6]]


async def test_references_are_marked(store):
    new = new_batch(store)
    await store.write(submit, new, [make_chunk([b'"in"', b'"ref"', b'"in"'], blobs=pack([1]))])
    sent = succeed(await take_one(store), [0, 1, 2], [b'"ref"', b'"in"', b'"ref"'])
    sent.blobs = [0, 2]
    await send(store, sent)
    rows = await store.read(results, new.id)
    assert [row.input_blob for row in rows] == [False, True, False]
    assert [row.result_blob for row in rows] == [True, False, True]


async def test_a_retried_execution_shows_its_last_round_alone(store):
    batch = await submit_items(store, 2)
    await send(store, fail(await take_one(store), retryable=False, message="first"))
    await store.write(retry, batch, RetryScope())
    (row, _) = await store.read(results, batch)
    assert (row.state, row.error, row.settle, row.finished_at, row.attempts) == (State.queued, None, None, None, 0)
    await send(store, fail(await take_one(store), retryable=False, message="second"))
    (row, _) = await store.read(results, batch)
    assert (row.error.message, row.round, row.attempts, row.settle) == ("second", 2, 1, 2)
    await store.write(retry, batch, RetryScope(indexes=(1,)))
    await store.write(cancel, batch, hard=False, reason="no")
    (_, row) = await store.read(results, batch)
    assert (row.state, row.attempts, row.error) == (State.cancelled, 0, None), "none since it was taken up again"


async def test_attempts_are_counted_while_it_waits_for_the_next(store):
    batch = await submit_items(store, 1)
    for attempt in (1, 2):
        await send(store, fail(await take_one(store)))
        (row,) = await store.read(results, batch)
        assert (row.state, row.attempts) == (State.scheduled, attempt)
        await run_due(store, 100)
        (row,) = await store.read(results, batch)
        assert (row.state, row.attempts) == (State.queued, attempt)
    await drain(store)
    (row,) = await store.read(results, batch)
    assert (row.state, row.attempts) == (State.succeeded, 3)


async def test_an_empty_batch_has_no_results(store):
    batch = await submit_items(store, 0)
    assert await store.read(results, batch) == []


async def test_only_what_is_needed_is_asked_for(store):
    batch = await submit_items(store, 40, per=10)
    await drain(store)
    await store.write(results, batch, 0, 4)
    assert not {"read_leases", "read_segments", "read_errors", "read_failed_attempts"} & set(store.statements)
    assert sum(store.statements.values()) <= 5
