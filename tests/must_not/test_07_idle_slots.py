"""Slots idle behind a slow handler while work is ready."""

from __future__ import annotations

import asyncio

import pytest

from stook import App
from stook.core.policy import ConcurrencyLimit

LIMITS = {"free": None, "keyed": ConcurrencyLimit(1, key="tenant")}


@pytest.mark.parametrize("kind", sorted(LIMITS))
def test_everybody_else_ends_while_one_still_runs(either, kind):
    with App("slots", store=either) as app:
        go_on: list[asyncio.Event] = []

        @app.task("t", concurrency=LIMITS[kind])
        async def work(item):
            if item["n"] == 0:
                go_on.append(asyncio.Event())
                await go_on[0].wait()
            return item["n"]

        slow = work.submit({"n": 0, "tenant": "slow"})
        made = app.orchestrator(workers=[app.worker(concurrency=2)]).sync
        made.start()
        try:
            quick = [work.submit({"n": n, "tenant": n % 3}) for n in range(1, 40)]
            assert [one.result(timeout=60) for one in quick] == list(range(1, 40))
            assert slow.show().state == "running"
        finally:
            _, portal = app.opened()

            async def release():
                go_on[0].set()

            portal.call(release())
            assert slow.result(timeout=60) == 0
            made.stop()
