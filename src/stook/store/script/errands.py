"""What one transaction asked of another batch, done: each errand once, in a transaction of its own with others.

   child ends ── holds its batch, may not lock the parent's ──▶ errand
   run_errands: errands (skip locked) → their batches by id → states …   the parent gets its memo, and is woken

Who asks has inserted the errand with its news; so whoever does it sees both, or neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.store.script.awaited_events import events_awaited, events_emitted
from stook.store.script.child_end import cancel_children, children_ended, parents_fail
from stook.store.statement import All, Many, Now, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.store.statement import Row, Script

__all__ = ["HANDLERS", "Errand", "next_errand", "put_off", "ready_errands", "run_errand", "run_errands"]


class Errand(msgspec.Struct, gc=False):
    """Columns of `lock_errands.sql`. `batch_id` and `idx` are the execution that something is asked of."""

    id: int
    kind: str
    batch_id: bytes
    index: int
    key: str
    body: str | None


HANDLERS: Final[dict[str, Callable[[Sequence[Errand]], Script[None]]]] = {
    "child_ended": children_ended,
    "fail_parent": parents_fail,
    "cancel_child": cancel_children,
    "event_emitted": events_emitted,
    "event_awaited": events_awaited,
}
"""By kind. A handler locks the batches it needs, all at once and in order: nothing but its errands is locked before. A
batch may be gone."""


_KINDS: Final = f",{','.join(HANDLERS)},"
LONGEST: Final = 3600.0
"""Seconds between two tries of one that fails again and again."""


def run_errands(limit: int = 1000) -> Script[int]:
    """How many were done, all of one kind: that of the oldest. Those of a kind that nobody here knows are left to
    whoever does; those that failed, until they are to be tried again."""
    rows: list[Row] = yield All("lock_errands", (limit, _KINDS))
    if not rows:
        return 0
    kind: str = rows[0][1]
    return (yield from _do(kind, [Errand(*row) for row in rows if row[1] == kind]))


def run_errand(id_: int) -> Script[int]:
    """That one alone; 0: it is done, or somebody else does it."""
    rows: list[Row] = yield All("lock_errand", (id_,))
    return (yield from _do(rows[0][1], [Errand(*rows[0])])) if rows else 0


def next_errand(after: int = 0) -> Script[Errand | None]:
    """The oldest behind the id `after` that `run_errands` would do. Changes nothing."""
    rows: list[Row] = yield All("next_errand", (after, _KINDS))
    return Errand(*rows[0]) if rows else None


def put_off(id_: int, problem: str) -> Script[float]:
    """Notes that it failed. The others go on without it; it is tried again after so many seconds, longer each time."""
    now: int = yield Now()
    rows: list[Row] = yield All("read_errand_tries", (id_,))
    tries = rows[0][0] + 1 if rows else 1
    wait: float = min(LONGEST, 2.0 ** min(tries, 20))
    yield Run("put_off_errand", (id_, tries, now + round(wait * 1_000_000), problem[:2000]))
    return wait


def ready_errands(limit: int = 1000) -> Script[int]:
    """Those that failed and whose time has come are to be done again; how many."""
    now: int = yield Now()
    ready: int = yield Run("ready_errands", (now, limit))
    return ready


def _do(kind: str, errands: Sequence[Errand]) -> Script[int]:
    yield from HANDLERS[kind](errands)
    yield Many("delete_errand", [(one.id,) for one in errands])
    return len(errands)
