"""A cancelled Execution is retried; one flush gives an Execution two outcomes."""

from __future__ import annotations

import pytest

from stook.core.outcome import Settlement
from stook.core.states import State
from stook.store.script.cancel_items import cancel_items
from stook.store.script.stop import cancel
from stook.store.script.sweep import expire_leases, lose_workers, promote_due
from stook.store.script.wake import wake_due
from tests.contract.batches import batch_of, policy, send, states_of, submit_items, take, take_one, trouble
from tests.contract.durable import call, errands, parent_waits, sleep, step, suspended


async def nothing_comes_back(store):
    store.clock.advance(1000)
    for verb in (expire_leases, promote_due, wake_due):
        await store.write(verb)
    await errands(store)
    assert not (await take(store, worker="next")).slices


ENDS = ["succeeded", "failed", "released", "lost", "cancelled", "suspended", "bisected", "worker dead", "lease lapsed"]


@pytest.mark.parametrize("how", ["item", "batch"])
@pytest.mark.parametrize("end", ENDS)
def test_what_ran_when_it_was_cancelled_ends_cancelled(run, store, end, how):
    async def scene():
        batch_id = await submit_items(store, 1, policy=policy(max_attempts=5, max_losses=5))
        one = await take_one(store)
        if how == "item":
            await store.write(cancel_items, batch_id, [0])
        else:
            await store.write(cancel, batch_id, hard=True, reason="")
        if end == "succeeded":
            await send(store, Settlement(one.token, batch_id, [0], [b"1"], [1]))
        elif end == "suspended":
            await send(store, suspended(one, call("c"), sleep("s", 1), memos=[step("a")]))
        elif end == "worker dead":
            await store.write(lose_workers, ["w"])
        elif end != "lease lapsed":
            await send(store, Settlement(one.token, batch_id, [], [], [], [trouble(0, end)]))
        await nothing_comes_back(store)
        row = await batch_of(store, batch_id)
        assert (row.ended, row.cancelled, row.retries) == ("cancelled", 1, 0)

    run(scene())


@pytest.mark.parametrize("state", ["queued", "scheduled", "suspended"])
def test_what_waited_when_it_was_cancelled_never_runs(run, store, state):
    async def scene():
        if state == "suspended":
            batch_id = await parent_waits(store, sleep("s", 1), call("c"))
        else:
            due = store.clock.after(5) if state == "scheduled" else None
            batch_id = await submit_items(store, 1, run_at=due)
        answer = await store.write(cancel_items, batch_id, [0])
        assert (answer.ended, await states_of(store, batch_id)) == ([0], bytes([State.cancelled]))
        await nothing_comes_back(store)

    run(scene())


def test_one_flush_gives_one_outcome(run, store):
    """The same item in every way at once: the first counts."""

    async def scene():
        batch_id = await submit_items(store, 2, policy=policy(max_attempts=3))
        one = await take_one(store)
        twice = Settlement(one.token, batch_id, [0, 0], [b"1", b"2"], [1, 1], [trouble(0), trouble(0, "cancelled")])
        more = suspended(one, call("c"), sleep("s", 1), offsets=[0])
        answer = await send(store, twice, more, Settlement(one.token, batch_id, [0], [b"3"], [1]))
        assert answer.stale == 5
        outcomes, waits, failures = await store.tables.fetch(
            "select count, results from outcome", "select * from wait", "select * from failure"
        )
        assert [(row[0], bytes(row[1])) for row in outcomes] == [(1, b"[1]")]
        assert (waits, failures) == ([], [])
        assert list(await states_of(store, batch_id)) == [State.succeeded, State.queued]

    run(scene())
