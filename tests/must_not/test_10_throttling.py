"""Throttling ends because the first finished, bursts at slot borders, or surfaces a uniqueness error."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from stook.core.errors import StookError
from stook.core.invocation import Throttling
from tests.contract.invocations import call, item
from tests.contract.moving_clock import SECOND


def test_the_end_of_the_first_changes_nothing(harness_on_either):
    app, sync = harness_on_either.app, harness_on_either.app.sync

    @app.task("job")
    async def job(n: int) -> int:
        return n

    first = sync.invoke(job, 0, throttle=60)
    harness_on_either.run_until_idle()
    assert first.sync.result() == 0
    harness_on_either.clock.advance(59)
    assert sync.invoke(job, 1, throttle=60).blocked_by == first.id
    app.batch(first.id).delete()
    assert sync.invoke(job, 2, throttle=60).reason == "throttled"


@pytest.mark.parametrize("offset", [0.0, 0.001, 29.5, 59.999])
def test_no_period_of_the_length_lets_two_through(run, store, offset):
    """Wherever on the clock the first one comes."""

    async def scene():
        store.clock.advance(-(store.clock.now / SECOND % 60) + offset)
        accepted = []
        for _ in range(40):
            made = await call(store, item(0, throttle=Throttling("k", 60 * SECOND)))
            if made.created == [True]:
                accepted.append(store.clock.now)
            store.clock.advance(7)
        assert len(accepted) == 5
        assert all(later - earlier >= 60 * SECOND for earlier, later in pairwise(accepted))

    run(scene())


def test_many_at_once_see_receipts_and_no_errors(run, store):
    async def scene():
        for key in range(4):
            throttle = Throttling(f"k{key}", 60 * SECOND)
            calls = await asyncio.gather(
                *(call(store, item(n, throttle=throttle), item(n, throttle=throttle)) for n in range(8)),
                return_exceptions=True,
            )
            assert not [one for one in calls if isinstance(one, StookError | Exception)]
            assert sum(sum(one.created) for one in calls) == 1
            assert all(one.receipts[0].blocked_by for one in calls if not any(one.created))

    run(scene())
