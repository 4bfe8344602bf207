"""A worker says that it lives, and hears what it should stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.picks import as_range
from stook.core.states import TERMINAL, State
from stook.store.statement import Each, Now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.store.statement import Row, Script

__all__ = ["RenewAnswer", "look", "renew"]

_ENDED: Final = bytes(sorted(TERMINAL))


class RenewAnswer(msgspec.Struct):
    lost: list[int]
    cancelled: list[tuple[int, list[int] | None]]
    """(token, offsets; None for all of them)."""


def renew(tokens: Sequence[int], until: Callable[[int], int]) -> Script[RenewAnswer]:
    """Moves the leases' end. A lease that has lapsed but was not yet taken back lives on."""
    now: int = yield Now()
    rows: list[Row] = yield Each("renew_lease", [(token, until(now)) for token in sorted(tokens)])
    return (yield from _answer(tokens, rows))


def look(tokens: Sequence[int]) -> Script[RenewAnswer]:
    """`renew` without moving anything: cheap enough for twice a second."""
    rows: list[Row] = yield Each("look_lease", [(token,) for token in tokens])
    return (yield from _answer(tokens, rows))


def _answer(tokens: Sequence[int], rows: Sequence[Row]) -> Script[RenewAnswer]:
    live = {row[0] for row in rows}
    answer = RenewAnswer([token for token in tokens if token not in live], [])
    signalled = [row for row in rows if row[6]]
    if not signalled:
        return answer
    stops: list[Row] = yield Each("read_stop", list({(row[1],) for row in signalled}))
    hard = {batch_id for batch_id, stop in stops if stop in ("hard", "expire")}
    keys = list({(row[1], row[2]) for row in signalled if row[1] not in hard})
    content: list[Row] = (yield Each("read_state", keys)) if keys else []
    states = {(batch_id, first): states for batch_id, first, states in content}
    for token, batch_id, first, lo, hi, picks, _ in signalled:
        if batch_id in hard:
            answer.cancelled.append((token, None))
        else:
            found = states[batch_id, first]
            answer.cancelled.append((token, _to_stop(found, lo, hi, picks)))
    return answer


def _to_stop(states: bytes, lo: int, hi: int, picks: bytes | None) -> list[int]:
    """What is to be cancelled, and what has ended otherwise and is in the lease no more; who did that itself loses
    nothing."""
    held = as_range(lo, hi, picks)
    asked = [offset for offset in held if states[offset] == State.cancelling]
    if picks is None:
        return asked
    left = set(range(lo, hi)).difference(held)
    return asked + [offset for offset in sorted(left) if states[offset] in _ENDED]
