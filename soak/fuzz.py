"""T6: thousands of bad requests, each judged by its answer; then what they left behind is looked at.

seed ──▶ case ──▶ raw socket ──▶ server ──▶ judge         routes, streams, heads, workers' words
                                   │
                                 store ──▶ doctor, recounts, nothing half-written
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from soak.fuzz_heads import head_case
from soak.fuzz_judge import ask, judge
from soak.fuzz_routes import route_case
from soak.fuzz_streams import stream_case
from soak.fuzz_worker import worker_case
from soak.fuzz_world import put_right

if TYPE_CHECKING:
    from collections.abc import Callable

    from soak.fuzz_case import Case, World
    from soak.fuzz_judge import Answered
    from soak.report import Ledger

__all__ = ["Fuzzed", "fuzz"]

AT_ONCE: Final = 6
_PUT_RIGHT: Final = 40
"""Cases after which limits that were set by the way are taken away."""
_KINDS: Final[tuple[tuple[Callable[[random.Random, World], Case], int], ...]] = (
    (route_case, 50),
    (stream_case, 20),
    (head_case, 20),
    (worker_case, 10),
)


class Fuzzed:
    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.refused: dict[str, int] = {}
        """By the name of the batch that would have been made: the status."""
        self.accepted: dict[str, int] = {}
        """By name: how many items it said to have."""

    def keep(self, answered: Answered) -> None:
        status = 0 if answered.head is None else answered.head.status
        self.statuses[status] += 1
        name = answered.case.creates
        if name is None:
            return
        if status == 201:
            made = msgspec.json.decode(answered.body)
            self.accepted[made["name"]] = made["total"]
        elif status >= 400 and status != 408:  # that one may be sent again under its key, and go on
            self.refused[name] = status


async def fuzz(ledger: Ledger, url: str, world: World, *, seed: int, first: int, count: int) -> Fuzzed:
    """Cases `first` to `first + count` of `seed`: each is the same whatever came before it."""
    found = Fuzzed()
    numbers = iter(range(first, first + count))
    draws = [make for make, weight in _KINDS for _ in range(weight)]

    async def one_after_the_other() -> None:
        for number in numbers:
            dice = random.Random(f"{seed}:{number}")
            case = dice.choice(draws)(dice, world)
            case.what = f"case {number}, {case.what}"
            answered = await ask(url, case)
            judge(ledger, answered)
            found.keep(answered)
            if number % _PUT_RIGHT == 0:
                await put_right(url, world.keys["admin"])

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_after_the_other())
    return found
