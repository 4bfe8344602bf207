"""Concurrency room leaks on crash, stop or re-registration."""

from __future__ import annotations

from collections import Counter

import pytest

from stook import App
from stook.core.policy import ConcurrencyLimit
from stook.store.script.sweep import expire_leases
from stook.testing import TestApp

LIMITS = {"plain": 2, "keyed": ConcurrencyLimit(2, key="payload.tenant"), "groups": ConcurrencyLimit(2, unit="group")}


def held(t, **options):
    """How many a worker is given that then dies."""
    return len(t.crash_worker(items=50, **options))


@pytest.mark.parametrize("kind", sorted(LIMITS))
def test_room_of_the_dead_is_free_again_each_time(either, kind):
    app, ran = App("room"), []
    with TestApp(app, store=either) as t:
        app.task("t", concurrency=LIMITS[kind], max_losses=50)(ran.append).map({"tenant": 1, "n": n} for n in range(6))
        for _ in range(3):
            taken = [held(t, lease=60) for _ in range(4)]
            assert (sum(taken), taken[-1]) == (2, 0), "the room, and no more until the leases end"
            t.clock.advance(60)
            session, portal = t.opened()
            portal.call(session.store.write(expire_leases))
        t.drain()
        assert Counter(one["n"] for one in ran) == Counter(range(6))


@pytest.mark.parametrize("kind", sorted(LIMITS))
def test_saying_the_same_again_gives_no_second_room(either, kind):
    app = App("room")
    with TestApp(app, store=either) as t:
        task = app.task("t", concurrency=LIMITS[kind])(lambda item: item)
        task.map({"tenant": 1, "n": n} for n in range(6))
        assert held(t, lease=3600) == 2
        for _ in range(3):
            with app.working(task):
                pass
            assert held(t, lease=3600) == 0
