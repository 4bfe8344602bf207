from __future__ import annotations

import pytest

from stook.core.errors import NotFound
from stook.core.ids import execution_id
from stook.core.states import BatchState
from stook.store.script.delete import delete
from stook.store.script.pause import pause
from stook.store.script.read.batch_list import list_batches
from stook.store.script.read.batch_view import find_batch, show_batch
from stook.store.script.stop import cancel
from tests.contract.batches import drain, fail, send, submit_items, succeed, take_one
from tests.contract.mixture import STATES, TOTAL, mixture


async def test_the_counters_are_those_of_the_items(store):
    batch = await mixture(store)
    counters = (await store.read(show_batch, batch)).counters
    assert counters.total == TOTAL
    assert {state: getattr(counters, state.name) for state in STATES} == {
        state: len(indexes) for state, indexes in STATES.items()
    }


async def test_a_batch_runs_from_its_first_claim_on(store):
    batch = await submit_items(store, 20)
    assert (await store.read(show_batch, batch)).state is BatchState.queued
    held = await take_one(store, 5)
    view = await store.read(show_batch, batch)
    assert (view.state, view.counters.running, view.counters.queued) == (BatchState.running, 5, 15)
    await send(store, succeed(held))
    await drain(store)
    view = await store.read(show_batch, batch)
    assert (view.state, view.counters.running, view.settled) == (BatchState.succeeded, 0, 20)
    assert view.finished_at is not None


async def test_what_it_was_made_with_is_shown(store):
    batch = await submit_items(
        store, 1, project="acme", name="import", key="k", priority=3, max_concurrency=7, metadata='{"a":1}'
    )
    view = await store.read(show_batch, batch)
    assert (view.project, view.task, view.queue, view.name, view.key) == ("acme", "t", "default", "import", "k")
    assert (view.priority, view.max_concurrency, view.metadata, view.single) == (3, 7, '{"a":1}', False)
    assert view.public_id == execution_id(batch, 0)


async def test_the_cost_of_showing_a_batch_does_not_grow_with_it(store):
    batch = await submit_items(store, 3000, per=10)
    await store.write(show_batch, batch)
    assert sum(store.statements.values()) <= 2


async def test_a_deleted_batch_is_not_there(store):
    batch = await submit_items(store, 1, key="k", name="gone")
    await drain(store)
    await store.write(delete, batch)
    for text in (execution_id(batch, 0), "k", "gone"):
        with pytest.raises(NotFound):
            await store.read(find_batch, "default", text)
    with pytest.raises(NotFound):
        await store.read(show_batch, batch)
    assert (await store.read(list_batches, "default")).batches == []


async def test_a_batch_is_found_by_id_name_and_key(store):
    older = await submit_items(store, 3, name="nightly", key="2024-01-01")
    newer = await submit_items(store, 3, name="nightly")
    await submit_items(store, 3, name="nightly", project="other")
    for text, expected in (
        (execution_id(older, 0), older),
        (execution_id(older, 2), older),
        ("nightly", newer),
        ("2024-01-01", older),
    ):
        assert (await store.read(find_batch, "default", text)).id == expected


async def test_a_batch_of_another_project_is_not_found(store):
    batch = await submit_items(store, 1, name="mine", key="k", project="other")
    for text in (execution_id(batch, 0), "mine", "k"):
        with pytest.raises(NotFound, match="default"):
            await store.read(find_batch, "default", text)


async def test_a_slip_of_the_pen_is_pointed_out(store):
    await submit_items(store, 1, name="nightly")
    with pytest.raises(NotFound, match="did you mean 'nightly'"):
        await store.read(find_batch, "default", "nihgtly")


@pytest.mark.parametrize("text", ["", "a\0b", "\ud800", "00000000-0000-0000-0000-000000000000", "x" * 5000])
async def test_any_text_may_be_looked_for(store, text):
    await submit_items(store, 1, name="nightly")
    with pytest.raises(NotFound):
        await store.read(find_batch, "default", text)


async def test_batches_come_newest_first_in_pages(store):
    made = [await submit_items(store, 1) for _ in range(7)]
    await submit_items(store, 1, single=True)
    await submit_items(store, 1, project="other")
    seen, after = [], None
    for size in (3, 3, 1):
        page = await store.read(list_batches, "default", after=after, limit=3)
        assert len(page.batches) == size
        seen += [one.id for one in page.batches]
        after = page.after
    assert after is None
    assert seen == made[::-1]


async def test_batches_are_filtered(store):
    queued = await submit_items(store, 1, task="queued")
    running = await submit_items(store, 2, task="running", name="Grüße A")
    await take_one(store, 1, tasks=["running"])
    paused = await submit_items(store, 1, task="paused", name="grüsse b")
    await store.write(pause, paused, reason="lunch")
    done = await submit_items(store, 1, task="done")
    await drain(store, tasks=["done"])
    failed = await submit_items(store, 1, task="failed")
    await send(store, fail(await take_one(store, tasks=["failed"]), retryable=False))
    cancelled = await submit_items(store, 1, task="cancelled")
    await store.write(cancel, cancelled, hard=False, reason="no")
    opened = await submit_items(store, 1, task="open", sealed=False)

    async def listed(**options):
        return [one.id for one in (await store.read(list_batches, "default", **options)).batches]

    of_state = {
        BatchState.queued: queued,
        BatchState.running: running,
        BatchState.paused: paused,
        BatchState.succeeded: done,
        BatchState.failed: failed,
        BatchState.cancelled: cancelled,
        BatchState.open: opened,
    }
    for state in BatchState:
        assert await listed(states={state}) == ([of_state[state]] if state in of_state else [])
    assert await listed(states={BatchState.queued, BatchState.failed}) == [failed, queued]
    assert await listed(task="paused") == [paused]
    assert await listed(task="a\0b") == []
    assert await listed(name="GRÜ") == [paused, running]
    assert await listed(name="grüsse", states={BatchState.paused}) == [paused]
    assert await listed(name="%") == []


async def test_pages_of_a_filtered_list_leave_nothing_out(store):
    store.audited = False
    made = [await submit_items(store, 0, name=f"{number % 2} {number % 400}") for number in range(450)]
    for name, expected in (("1 ", made[1::2]), (" 7", [made[7], *made[70:80], made[407]]), (" 399", [made[399]])):
        seen, after = [], None
        while True:
            page = await store.read(list_batches, "default", name=name, after=after, limit=40)
            seen += [one.id for one in page.batches]
            if page.after is None:
                break
            after = page.after
        assert seen == expected[::-1]
