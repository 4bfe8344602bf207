"""What is submitted, drawn from a seed: producers submit it, the verifier knows what must become of each item."""

from __future__ import annotations

import random
from typing import Final, Literal, NamedTuple

import msgspec

from stook.core.states import State

__all__ = ["GROUPED", "MAX_ATTEMPTS", "Expected", "Item", "Plan", "expected_of", "plan_of", "single_of"]

MAX_ATTEMPTS: Final = 3
GROUPED: Final = "soak.group"
TASKS: Final = ("soak.async", "soak.thread", GROUPED, "soak.process")
_MIXED: Final = (("ok", 84), ("flaky", 6), ("bad", 3), ("hopeless", 2), ("coin", 4), ("slow", 1))
_SHAPES: Final = (("mixed", 55), ("ok", 35), ("bad", 4), ("long", 6))

Do = Literal["ok", "flaky", "bad", "hopeless", "coin", "slow", "exit", "kill"]


class Item(msgspec.Struct):
    """`flaky` fails `times` attempts first, `bad` all, `hopeless` for good at once, `coin` each attempt or not; `slow`
    takes `seconds`. `exit` and `kill` take the process down that runs them."""

    n: int
    do: Do
    times: int = 0
    seconds: float = 0.0
    pad: str = ""


class Plan(msgspec.Struct, frozen=True):
    """A batch to submit. Nobody interferes with a `calm` one: it must end exactly as its items say."""

    seed: int
    number: int
    task: str
    count: int
    shape: str
    calm: bool
    priority: int
    delay: float | None
    expires_in: float | None
    deadline: float | None
    max_concurrency: int | None
    pad: int

    @property
    def key(self) -> str:
        return f"soak-{self.seed}-{self.number}"

    @property
    def name(self) -> str:
        return f"{'calm' if self.calm else 'wild'}-{self.number}"

    def items(self) -> list[Item]:
        """The same ones each time."""
        dice = random.Random(f"{self.seed}:{self.number}:items")
        return [_item(dice, n, self.shape, self.pad) for n in range(self.count)]


class Expected(NamedTuple):
    states: frozenset[State]
    attempts: int | None
    """None: it depends."""


def plan_of(seed: int, number: int, tasks: tuple[str, ...] = TASKS) -> Plan:
    dice = random.Random(f"{seed}:{number}")
    shape = _draw(dice, _SHAPES)
    if shape in ("bad", "long"):
        count = dice.randint(1, 40)
    else:
        count = dice.choice((dice.randint(1, 60), dice.randint(1, 400), dice.randint(200, 3000)))
    calm = dice.random() < 0.4
    wild = dice.random() if not calm else 1.0
    task = dice.choice(tasks)
    return Plan(
        seed=seed,
        number=number,
        task=task,
        count=count,
        shape=shape,
        calm=calm,
        priority=dice.choice((0, 0, 0, -5, 1, 9)),
        delay=dice.choice((None, None, None, 0.3, 1.0)),
        expires_in=dice.uniform(0.5, 3.0) if wild < 0.1 else None,
        deadline=dice.uniform(0.5, 5.0) if wild > 0.9 and not calm else None,
        # A group that may not fill waits out its timeout each time.
        max_concurrency=dice.choice((None, None, None, 3, 10)) if task != GROUPED else None,
        pad=dice.choice((0, 0, 0, 40, 400)),
    )


def single_of(seed: int, number: int) -> Item:
    """What is submitted alone."""
    return _item(random.Random(f"{seed}:{number}:single"), number, "mixed", 0)


def expected_of(item: Item) -> Expected:
    """How it ends in its first round, unless somebody interferes."""
    match item.do:
        case "ok" | "slow":
            return Expected(frozenset({State.succeeded}), 1)
        case "flaky":
            return Expected(frozenset({State.succeeded}), item.times + 1)
        case "bad":
            return Expected(frozenset({State.failed}), MAX_ATTEMPTS)
        case "hopeless":
            return Expected(frozenset({State.failed}), 1)
        case "coin":
            return Expected(frozenset({State.succeeded, State.failed}), None)
        case "exit" | "kill":
            return Expected(frozenset({State.failed}), 1)


def _item(dice: random.Random, n: int, shape: str, pad: int) -> Item:
    do: Do = "ok"
    match shape:
        case "mixed":
            do = _draw(dice, _MIXED)  # type: ignore[assignment]
        case "long":
            do = "slow"
        case "bad":
            do = "bad"
        case _:
            pass
    seconds = 0.0
    if do == "slow":
        seconds = dice.uniform(0.5, 1.5) if shape == "long" else dice.uniform(0.02, 0.3)
    times = dice.randint(1, MAX_ATTEMPTS - 1) if do == "flaky" else 0
    return Item(n, do, times, seconds, "x" * dice.randint(0, pad))


def _draw(dice: random.Random, weighted: tuple[tuple[str, int], ...]) -> str:
    return dice.choices([name for name, _ in weighted], [weight for _, weight in weighted])[0]
