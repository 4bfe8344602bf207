"""A batch's phase and counters, and the state people see.

   open ──seal──▶ active ◀──resume── paused
                    │ ▲ └──pause──────▲
             cancel │ └────retry───┐
                    ▼              │
                cancelling ──▶ closed ──▶ deleted

The phase is stored; `queued` or `running` is read off the counters, the terminal state is written when it closes.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from stook.core.states import BatchState

if TYPE_CHECKING:
    from stook.core.policy import FailurePolicy

__all__ = ["Counters", "Phase", "Stop", "batch_state", "ended_state", "over_threshold"]


class Phase(Enum):
    open = "open"
    active = "active"
    paused = "paused"
    cancelling = "cancelling"
    closed = "closed"
    deleted = "deleted"


class Stop(Enum):
    """Why nothing more of a batch may start. `hard` also stops what runs."""

    soft = "soft"
    hard = "hard"
    expire = "expire"
    threshold = "threshold"


class Counters(msgspec.Struct):
    """Executions by state. `queued` is what is in none of the others, so the sum is always `total`."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    scheduled: int = 0
    suspended: int = 0
    running: int = 0

    @property
    def terminal(self) -> int:
        return self.succeeded + self.failed + self.cancelled + self.expired

    @property
    def queued(self) -> int:
        return self.total - self.terminal - self.scheduled - self.suspended - self.running


def ended_state(counters: Counters, stop: Stop | None) -> BatchState:
    """The terminal state of a batch in which nothing is left to do."""
    match stop:
        case Stop.expire:
            return BatchState.expired
        case Stop.threshold:
            return BatchState.failed
        case Stop.soft | Stop.hard | None:
            pass
    if counters.cancelled and stop is not None:
        return BatchState.cancelled
    if counters.succeeded == counters.total:
        return BatchState.succeeded
    if counters.succeeded:
        return BatchState.partially_failed
    if counters.failed:
        return BatchState.failed
    return BatchState.expired if counters.expired >= counters.cancelled else BatchState.cancelled


def batch_state(phase: Phase, counters: Counters, ended: str | None, *, started: bool) -> BatchState:
    match phase:
        case Phase.open:
            return BatchState.open
        case Phase.active:
            return BatchState.running if started or counters.running or counters.terminal else BatchState.queued
        case Phase.paused:
            return BatchState.paused
        case Phase.cancelling:
            return BatchState.cancelling
        case Phase.closed | Phase.deleted:
            return BatchState(ended)


def over_threshold(policy: FailurePolicy, *, failed: int, total: int, streak: int) -> str | None:
    """Why this batch should stop, in words, or None."""
    if policy.max_failed is not None and failed >= policy.max_failed:
        return f"{failed} executions failed, max_failed is {policy.max_failed}"
    if policy.max_failed_ratio is not None and total and failed / total >= policy.max_failed_ratio:
        return f"{failed} of {total} executions failed, max_failed_ratio is {policy.max_failed_ratio:g}"
    if policy.burst is not None and streak >= policy.burst:
        return f"{streak} failures in a row, burst is {policy.burst}"
    return None
