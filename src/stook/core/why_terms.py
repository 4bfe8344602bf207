"""Windows, keyed limits and rates that hold work back, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.lanes import lane_value
from stook.core.window import is_open, opens_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.core.policy import RateLimit
    from stook.core.terms import Terms
    from stook.core.terms_room import TermsRoom

__all__ = ["why_terms"]

_NAMED: Final = 3
_VALUE: Final = 40
"""Characters of a value that are shown."""
Lane = tuple[str, str | None]
"""(lane, cost)."""


def why_terms(
    terms: Terms, room: TermsRoom | None, lanes: Sequence[Lane], now: int, until: Callable[[int, int], str]
) -> list[str]:
    """What holds back all of these lanes, or all there are; empty: something of them may start. `room` is the task's,
    where anything is counted; `until` puts a moment in words."""
    if terms.window is not None and not is_open(terms.window, now):
        return [f"window closed: it opens {until(opens_at(terms.window, now), now)}"]
    if room is None:
        return []
    found: dict[str, None] = {}
    for lane, cost in lanes:
        said = _full(room, lane) or _waits(terms, room, lane, cost, now, until)
        if not said:
            return []
        found |= dict.fromkeys(said)
    more = [f"and {len(found) - _NAMED} limits more"] if len(found) > _NAMED else []
    return [*list(found)[:_NAMED], *more]


def _full(room: TermsRoom, lane: str) -> list[str]:
    return [
        f"concurrency {used}/{most}{' groups' if unit == 'group' else ''}{_where(key, value)}"
        for used, most, key, value, unit in room.full_limits(lane)
    ]


def _waits(
    terms: Terms, room: TermsRoom, lane: str, cost: str | None, now: int, until: Callable[[int, int], str]
) -> list[str]:
    said = []
    for rate, at in zip(terms.rates, room.rate_moments(lane, cost), strict=True):
        if at is not None:
            key = rate.key if isinstance(rate.key, str) else None
            where = _where(key, lane_value(lane, key))
            said.append(f"rate limit {_rate(rate)}{where}: the next may start {until(at, now)}")
    return said


def _rate(rate: RateLimit) -> str:
    return f"{rate.n:g} {'' if rate.units is None else f'{rate.units} '}per {rate.per:g} s"


def _where(key: str | None, value: str) -> str:
    if key is None:
        return ""
    shown = value[1:-1] if value.startswith('"') else value
    return f" ({key}={shown if len(shown) <= _VALUE else f'{shown[:_VALUE]}…'})"
