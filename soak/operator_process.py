"""Interferes with wild batches at random: `python -m soak.operator_process --url URL …`, until SIGTERM.

Killed between a pause and its resume it leaves the batch paused, as people do.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from typing import TYPE_CHECKING

from soak.lifeline import hold, ready, told_to_end
from stook.config.settings import read_settings
from stook.core.errors import Conflict, NotFound, StoreUnavailable
from stook.core.retry_scope import RetryScope
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stook.engine.service import Engine
    from stook.store.script.read.batch_view import BatchView

__all__ = ["main"]

WILD = "wild-"


class Operator:
    def __init__(self, engine: Engine, dice: random.Random) -> None:
        self._engine = engine
        self._dice = dice
        self._acts: list[tuple[int, Callable[[BatchView], Awaitable[object]]]] = [
            (4, self._pause),
            (4, self._resume),
            (5, self._retry_all),
            (3, self._retry_some),
            (2, self._retry_group),
            (3, self._probe),
            (3, self._cancel_items),
            (2, self._cancel),
            (2, self._limit),
        ]

    async def act(self) -> None:
        """Whatever the answer is: lost races are normal ones."""
        try:
            page = await self._engine.batches(name=WILD, limit=40)
            if page.batches:
                act = self._dice.choices([act for _, act in self._acts], [weight for weight, _ in self._acts])[0]
                await act(self._dice.choice(page.batches))
        except (Conflict, NotFound):
            pass
        except StoreUnavailable:
            await asyncio.sleep(0.3)

    async def _pause(self, batch: BatchView) -> None:
        await self._engine.pause(batch.id)
        await asyncio.sleep(self._dice.uniform(0, 0.5))
        await self._engine.resume(batch.id, ramp=self._dice.random() < 0.3)

    async def _resume(self, batch: BatchView) -> None:
        await self._engine.resume(batch.id, ramp=False)

    async def _retry_all(self, batch: BatchView) -> None:
        states = self._dice.choice((("failed",), ("failed", "expired"), ("failed", "cancelled", "expired")))
        await self._engine.retry(batch.id, RetryScope(states))

    async def _retry_some(self, batch: BatchView) -> None:
        indexes = tuple(self._some(batch))
        await self._engine.retry(batch.id, RetryScope(("failed", "cancelled"), indexes=indexes))

    async def _retry_group(self, batch: BatchView) -> None:
        groups = await self._engine.failure_groups(batch.id)
        if groups:
            await self._engine.retry(batch.id, RetryScope(group=self._dice.choice(groups).fingerprint))

    async def _probe(self, batch: BatchView) -> None:
        await self._engine.retry(batch.id, RetryScope(), probe=self._dice.randint(1, 10))

    async def _cancel_items(self, batch: BatchView) -> None:
        await self._engine.cancel_items(batch.id, self._some(batch))

    async def _cancel(self, batch: BatchView) -> None:
        await self._engine.cancel(batch.id, hard=self._dice.random() < 0.5)

    async def _limit(self, batch: BatchView) -> None:
        await self._engine.limit(batch.id, self._dice.choice((None, 1, 5, 50)))

    def _some(self, batch: BatchView) -> list[int]:
        total = batch.counters.total
        return [self._dice.randrange(total + 3) for _ in range(self._dice.randint(1, 30))]


async def main(options: argparse.Namespace) -> int:
    told = told_to_end()
    dice = random.Random()
    async with open_session(read_settings(url=options.url, project=options.project)) as session:
        operator = Operator(session.engine, dice)
        ready()
        while not told.is_set():
            await operator.act()
            await asyncio.sleep(dice.uniform(0, options.pause))
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak.operator_process")
    parser.add_argument("--url", required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--pause", type=float, default=0.3)
    return parser.parse_args()


if __name__ == "__main__":
    hold()
    sys.exit(asyncio.run(main(parse())))
