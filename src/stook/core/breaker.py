"""An endpoint's circuit breaker: (breaker, outcome of one attempt, now) → breaker, or the end of the endpoint.

        20 failures in a row
closed ─────────────────────▶ open: one trial a minute, the rest waits without spending attempts
   ▲                           │ first success
   └───────────────────────────┘
from both: 410, or 5 days of failures without a success → disabled.    429, 503 → held until the wait ends
"""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["CLOSED", "Breaker", "Disable", "Flow", "after_failure", "after_success", "flow", "take_trial"]

SECOND: Final = 1_000_000
OPENS: Final = 20
"""Failures in a row."""
TRIAL: Final = 60 * SECOND
PATIENCE: Final = 5 * 86_400 * SECOND
LONGEST_HOLD: Final = 3600 * SECOND
GONE: Final = 410
SLOW_DOWN: Final = frozenset({429, 503})


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """`failures` in a row, the first at `since`. `trial_at`: only while open, when the next may go. `held_until`: the
    receiver asked for a pause. Microseconds since the epoch."""

    failures: int = 0
    since: int | None = None
    trial_at: int | None = None
    held_until: int | None = None

    @property
    def open(self) -> bool:
        return self.trial_at is not None


class Disable(msgspec.Struct, frozen=True):
    reason: str


class Flow(msgspec.Struct, frozen=True):
    """What of an endpoint's deliveries may start now: `most` at a time, 0: none. It may be more at `until`; None: it
    stays so until something happens."""

    most: int
    until: int | None


CLOSED: Final = Breaker()


def after_success(breaker: Breaker) -> Breaker:
    """A pause that was asked for lasts."""
    return Breaker(held_until=breaker.held_until)


def after_failure(breaker: Breaker, code: int | None, wait: float | None, now: int) -> Breaker | Disable:
    """`code` None: there was no answer. `wait`: seconds until that delivery is tried again, None: never."""
    if code == GONE:
        return Disable("410 Gone: the receiver wants no more")
    failures = breaker.failures + 1
    since = now if breaker.since is None else breaker.since
    if now - since >= PATIENCE:
        return Disable(f"no success in 5 days, {failures} attempts failed in a row")
    trial_at = breaker.trial_at
    if trial_at is None and failures >= OPENS:
        trial_at = now + TRIAL
    held_until = breaker.held_until
    if code in SLOW_DOWN and wait is not None:
        asked = now + min(round(wait * SECOND), LONGEST_HOLD)
        held_until = asked if held_until is None else max(held_until, asked)
    return Breaker(failures=failures, since=since, trial_at=trial_at, held_until=held_until)


def flow(breaker: Breaker, most: int, now: int) -> Flow:
    """Of an endpoint that takes `most` at a time when nothing is wrong."""
    until = max(breaker.held_until or 0, breaker.trial_at or 0)
    if until > now:
        return Flow(0, until)
    return Flow(1 if breaker.open else most, None)


def take_trial(breaker: Breaker, now: int) -> Breaker:
    """The one that goes now, while it is open: the next may a minute later."""
    return msgspec.structs.replace(breaker, trial_at=now + TRIAL)
