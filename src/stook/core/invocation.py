"""What becomes of each item of an invocation: pure rules over what the store has found.

throttled? ──▶ no execution          debounced? ──▶ that one gets the payload
     └──▶ its dedupe key is held? ──▶ the holder answers, is overwritten, or is cancelled for a new one
                └──▶ created
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, assert_never, get_args

import msgspec

from stook.core.extras import ItemExtras

__all__ = [
    "DEDUPE_MODES",
    "Act",
    "Debouncing",
    "Dedupe",
    "Holder",
    "Key",
    "NewItem",
    "Place",
    "Reason",
    "Receipt",
    "Standing",
    "Throttling",
    "Verdict",
    "decide",
    "fold",
]

Dedupe = Literal["return_existing", "replace", "supersede", "reject"]
DEDUPE_MODES: Final[tuple[Dedupe, ...]] = get_args(Dedupe)
Reason = Literal["duplicate", "throttled", "debounced", "replaced", "superseded", "folded"]
Place = tuple[bytes, int]
"""(batch, index) of an execution."""
Key = tuple[str, str]
"""(task, key)."""


class Throttling(msgspec.Struct, frozen=True):
    """`period` in microseconds."""

    key: str
    period: int


class Debouncing(msgspec.Struct, frozen=True):
    """Microseconds. `max_wait` counts from the call that opened the period."""

    key: str
    period: int
    reset: bool = False
    max_wait: int | None = None

    def due(self, now: int, opened_at: int, due_at: int) -> int:
        """When an execution is due that was invoked again now."""
        if not self.reset:
            return due_at
        later = now + self.period
        return later if self.max_wait is None else max(due_at, min(later, opened_at + self.max_wait))


class NewItem(msgspec.Struct, kw_only=True, gc=False):
    """What one item asks for. Times are microseconds; `delay` and `expires_in` count from the transaction's time."""

    payload: bytes
    """JSON, or a reference into the blob store where `blob` says so."""
    blob: bool = False
    priority: int = 0
    run_at: int | None = None
    delay: int | None = None
    expires_in: int | None = None
    dedupe: str | None = None
    mode: Dedupe = "return_existing"
    ttl: int | None = None
    throttle: Throttling | None = None
    debounce: Debouncing | None = None
    extras: ItemExtras | None = None
    tags: Sequence[str] = ()
    lane: str = ""
    cost: str | None = None

    @property
    def gated(self) -> bool:
        """More is to be asked than whether its key is held."""
        return (
            self.throttle is not None
            or self.debounce is not None
            or (self.dedupe is not None and self.mode in ("replace", "supersede"))
        )

    @property
    def asks(self) -> bool:
        """Whether it comes to be depends on what is there."""
        return self.dedupe is not None or self.throttle is not None or self.debounce is not None

    @property
    def simple(self) -> bool:
        """It can be submitted together with what others submit at this moment."""
        return not self.gated and self.mode == "return_existing" and self.ttl is None

    def due(self, now: int) -> int | None:
        if self.debounce is not None:
            return now + self.debounce.period
        return self.run_at if self.delay is None else now + self.delay

    def expires(self, now: int) -> int | None:
        return None if self.expires_in is None else now + self.expires_in


class Receipt(NamedTuple):
    """`place` None: it was throttled, by `blocked_by`."""

    place: Place | None
    created: bool
    reason: Reason | None = None
    blocked_by: Place | None = None


class Holder(msgspec.Struct, frozen=True):
    """Of a dedupe key, or of a debounce period. `rested`: it has ended, its key is kept for a while. `fresh`: it was
    never started, and is held so."""

    place: Place
    rested: bool = False
    fresh: bool = False


class Standing(msgspec.Struct):
    """What the store has found, of the keys in question."""

    throttled: Mapping[Key, Place]
    """Periods under way, and what started them."""
    pending: Mapping[Key, Holder]
    """Debounced executions, fresh ones."""
    holders: Mapping[Key, Holder]


class Act(msgspec.Struct):
    """`kind` says what to do with the item; `other` is the execution that answers it, `blocker` the place in the call
    of the item that throttles it."""

    kind: Literal["create", "existing", "rejected", "replace", "supersede", "debounce", "throttled"]
    other: Place | None = None
    blocker: int | None = None


Verdict = Mapping[int, Act]
"""By the place in the call, of the items that stand for themselves."""


def fold(items: Sequence[tuple[str, NewItem]]) -> list[int]:
    """(task, item) each → the place of the item that stands for it: the last one with the same dedupe key, or the same
    debounced key, of the same task; else its own."""
    last: dict[tuple[str, str, str], int] = {}
    for place, (task, item) in enumerate(items):
        if item.dedupe is not None:
            last["dedupe", task, item.dedupe] = place
    stands = [
        place if item.dedupe is None else last["dedupe", task, item.dedupe] for place, (task, item) in enumerate(items)
    ]
    for place, (task, item) in enumerate(items):
        if item.debounce is not None and stands[place] == place:
            last["debounce", task, item.debounce.key] = place
    for place, (task, item) in enumerate(items):
        if item.debounce is not None and stands[place] == place:
            stands[place] = last["debounce", task, item.debounce.key]
    return [stands[stand] for stand in stands]


def decide(items: Sequence[tuple[str, NewItem]], stands: Sequence[int], standing: Standing) -> Verdict:
    """In the order of the call, as if each item had come alone: what one creates throttles those behind it."""
    blockers: dict[Key, int] = {}
    verdict: dict[int, Act] = {}
    for place, (task, item) in enumerate(items):
        if stands[place] == place:
            act = verdict[place] = _act(task, item, standing, blockers)
            if item.throttle is not None and act.kind in ("create", "supersede"):
                blockers[task, item.throttle.key] = place
    return verdict


def _act(task: str, item: NewItem, standing: Standing, blockers: Mapping[Key, int]) -> Act:
    if item.throttle is not None:
        key = (task, item.throttle.key)
        if key in standing.throttled:
            return Act("throttled", standing.throttled[key])
        if key in blockers:
            return Act("throttled", blocker=blockers[key])
    if item.debounce is not None:
        pending = standing.pending.get((task, item.debounce.key))
        if pending is not None:
            return Act("debounce", pending.place)
    holder = None if item.dedupe is None else standing.holders.get((task, item.dedupe))
    return Act("create") if holder is None else _act_on(holder, item)


def _act_on(holder: Holder, item: NewItem) -> Act:
    match item.mode:
        case "return_existing":
            return Act("existing", holder.place)
        case "reject":
            return Act("rejected", holder.place)
        case "replace":
            return Act("replace" if holder.fresh and not holder.rested else "existing", holder.place)
        case "supersede":
            return Act("supersede", holder.place)
        case unknown:
            assert_never(unknown)
