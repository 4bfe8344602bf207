"""Child waits or sleeps cost attempts."""

from __future__ import annotations

import pytest

from stook.store.script.sweep import promote_due
from tests.contract.batches import batch_of, fail, policy, send, submit_items, succeed, take_one
from tests.contract.durable import call, errands, event, sleep, suspended, woken

WAITS = {
    "sleep": lambda nth: [sleep(f"s{nth}", 1)],
    "child": lambda nth: [call(f"c{nth}")],
    "many children": lambda nth: [call(f"c{nth}.{one}") for one in range(4)],
    "child that fails": lambda nth: [call(f"f{nth}")],
    "child that times out": lambda nth: [call(f"c{nth}", seconds=1)],
    "event that times out": lambda nth: [event(f"e{nth}", "x", seconds=1)],
    "task that nobody knows": lambda nth: [call(f"u{nth}", policy=None)],
}


async def over(store, kind):
    if kind in ("child", "many children"):
        await send(store, succeed(await take_one(store, tasks=("child",))))
    elif kind == "child that fails":
        await send(store, fail(await take_one(store, tasks=("child",)), retryable=False))
    else:
        await woken(store, 1)
    await errands(store)


@pytest.mark.parametrize("kind", WAITS)
@pytest.mark.parametrize("attempts", [1, 2])
def test_ten_waits_and_all_attempts_are_left(run, store, kind, attempts):
    async def scene():
        batch_id = await submit_items(store, 1, policy=policy(max_attempts=attempts))
        for spent in range(attempts):
            for nth in range(10):
                one = await take_one(store)
                assert (one.attempt, one.round) == (1 + spent, 1)
                await send(store, suspended(one, *WAITS[kind](f"{spent}-{nth}")))
                await over(store, kind)
            one = await take_one(store)
            assert one.attempt == 1 + spent
            await send(store, fail(one))
            store.clock.advance(60)
            await store.write(promote_due)
        row = await batch_of(store, batch_id)
        assert (row.ended, row.retries, row.losses) == ("failed", attempts - 1, 0)
        (rows,) = await store.tables.fetch("select attempt, batch_id from failure order by attempt")
        assert [attempt for attempt, owner in rows if owner == batch_id] == list(range(1, attempts + 1))

    run(scene())
