"""Submits one batch after another by key, bite by bite: `python -m soak.producer_process --url URL --lane N …`.

Killed in the middle of one, it goes on with the same one. At SIGTERM it ends between two batches, not before its first.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from soak.journal import Journal, read_acked
from soak.lifeline import hold, ready, told_to_end
from soak.plan import Plan, plan_of, single_of
from soak.tasks import app
from stook.config.settings import read_settings
from stook.core.errors import Conflict, NotFound, StoreUnavailable
from stook.core.payload import encode, encode_many
from stook.core.states import BatchState
from stook.engine.service import Options
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from stook.engine.service import Engine

__all__ = ["main"]

LIVE = frozenset(state for state in BatchState if not state.terminal)
SINGLE_TASKS = ("soak.async", "soak.thread")


class Producer:
    def __init__(self, engine: Engine, journal: Journal, options: argparse.Namespace, told: asyncio.Event) -> None:
        self._engine = engine
        self._journal = journal
        self._seed = options.seed
        self._tasks = tuple(options.tasks.split(","))
        self._backlog = options.backlog
        self._told = told

    async def batch(self, number: int) -> None:
        """Returns once it is sealed, by us or by who stopped it."""
        plan = plan_of(self._seed, number, self._tasks)
        while True:
            try:
                batch_id, total = await self._submit(plan)
            except StoreUnavailable:
                await asyncio.sleep(0.3)
                continue
            self._journal.line("batch", number, batch_id.hex(), total)
            return

    async def _submit(self, plan: Plan) -> tuple[bytes, int]:
        options = Options(
            name=plan.name,
            key=plan.key,
            digest=str(plan.count),
            priority=plan.priority,
            max_concurrency=plan.max_concurrency,
            delay=plan.delay,
            expires_in=plan.expires_in,
            deadline=plan.deadline,
            metadata={"number": plan.number},
        )
        engine = self._engine
        created = await engine.open_batch(plan.task, app.tasks[plan.task].policy, options)
        if created.sealed:
            return created.id, created.total
        try:
            intake = await engine.intake(created, options)
            payloads = encode_many(plan.items())
            dice = random.Random()
            while payloads:
                bite = dice.choice((7, 100, 700, 3000))
                await intake.add(payloads[:bite])
                await intake.finish()
                del payloads[:bite]
            await engine.seal(created.id)
        except Conflict:
            pass  # it was stopped, or is past its deadline: what it has is all it gets
        return created.id, (await engine.show(created.id)).counters.total

    async def singles(self, number: int) -> None:
        """A few at once, in one commit most likely. Those without an answer are nobody's business."""
        dice = random.Random(f"{self._seed}:{number}:singles")
        first = number * 10
        await asyncio.gather(*(self._single(first + place, dice) for place in range(dice.randint(0, 6))))

    async def _single(self, number: int, dice: random.Random) -> None:
        name = dice.choice([one for one in SINGLE_TASKS if one in self._tasks] or self._tasks)
        options = Options(priority=dice.choice((0, 0, 3)))
        try:
            batch_id, index, _ = await self._engine.submit_one(
                name, app.tasks[name].policy, encode(single_of(self._seed, number)), options
            )
        except StoreUnavailable:
            return
        self._journal.line("single", number, batch_id.hex(), index)

    async def room(self) -> None:
        """Until fewer batches than the backlog are unfinished, or there will be no more."""
        while not self._told.is_set():
            try:
                page = await self._engine.batches(states=LIVE, limit=self._backlog)
            except (NotFound, StoreUnavailable):
                page = None
            if page is not None and len(page.batches) < self._backlog:
                return
            await asyncio.sleep(0.1)


async def main(options: argparse.Namespace) -> int:
    told = told_to_end()
    folder = Path(options.folder)
    done = {one.number for one in read_acked(folder) if one.kind == "batch"}
    number = options.lane
    while number in done:
        number += options.lanes
    settings = read_settings(url=options.url, project=options.project)
    async with open_session(settings) as session:
        producer = Producer(session.engine, Journal(folder / f"acked-{options.lane}"), options, told)
        ready()
        while True:
            await producer.batch(number)
            await producer.singles(number)
            number += options.lanes
            await producer.room()
            if told.is_set():
                return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak.producer_process")
    parser.add_argument("--url", required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--tasks", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--lane", type=int, default=0)
    parser.add_argument("--lanes", type=int, default=1)
    parser.add_argument("--backlog", type=int, default=8)
    return parser.parse_args()


if __name__ == "__main__":
    hold()
    sys.exit(asyncio.run(main(parse())))
