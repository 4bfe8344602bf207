"""What becomes of an attempt that did not succeed: (outcome, policy, now, draw) → decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.policy import RetryPolicy

__all__ = [
    "Decision",
    "Fails",
    "Quarantine",
    "Requeue",
    "RetryAt",
    "after_failure",
    "after_loss",
    "backoff",
    "may_retry",
]

SECOND: Final = 1_000_000
LONGEST: Final = 10 * 365 * 86_400.0
"""Seconds. Whoever asks to wait longer waits so long: a due time has to fit into the databases."""


@dataclass(frozen=True, slots=True)
class RetryAt:
    due_at: int
    """Microseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Fails:
    """For good, until somebody retries it by hand."""


@dataclass(frozen=True, slots=True)
class Requeue:
    """Back to the queue as it was; only the count of losses moved."""

    losses: int


@dataclass(frozen=True, slots=True)
class Quarantine:
    """It took its worker down too often, running alone."""

    losses: int


Decision = RetryAt | Fails


def backoff(policy: RetryPolicy, attempt: int, draw: float) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 1). `draw` is uniform in [0, 1)."""
    return max(0.0, _delay(policy, attempt) * (1 + policy.jitter * (2 * draw - 1)))


def _delay(policy: RetryPolicy, attempt: int) -> float:
    match policy.backoff:
        case "schedule":
            return policy.delays[min(attempt, len(policy.delays)) - 1]
        case "exponential":
            try:
                return min(policy.max_delay, policy.base * float(policy.factor) ** (attempt - 1))
            except OverflowError:
                return policy.max_delay if policy.base else 0.0
        case "fixed":
            return policy.base
        case _:
            assert_never(policy.backoff)


def may_retry(policy: RetryPolicy, names: Sequence[str]) -> bool:
    """Whether an error is worth another attempt. `names` are its class and base classes, bare and with module."""
    known = frozenset(names)
    return not known.isdisjoint(policy.retry_on) and known.isdisjoint(policy.give_up_on)


def after_failure(
    *,
    policy: RetryPolicy,
    max_attempts: int,
    attempt: int,
    retryable: bool,
    retry_after: float | None,
    now: int,
    draw: float,
) -> Decision:
    """`attempt` counts from 1 within the current round; a retry by hand begins a new round."""
    if not retryable or attempt >= max_attempts:
        return Fails()
    delay = backoff(policy, attempt, draw) if retry_after is None else retry_after
    return RetryAt(now + round(min(max(0.0, delay), LONGEST) * SECOND))


def after_loss(*, alone: bool, losses: int, max_losses: int) -> Requeue | Quarantine:
    """`alone`: nothing else was in the worker's hands, so it alone can have killed it; only then a loss is its own."""
    if not alone:
        return Requeue(losses)
    return Quarantine(losses + 1) if losses + 1 >= max_losses else Requeue(losses + 1)
