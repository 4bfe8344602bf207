"""Token buckets: how many may start now, and when the next one may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.policy import RateLimit

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Bucket", "bucket_names"]

SECOND: Final = 1_000_000
SLACK: Final = 1e-6
"""Tokens: what sums of fractions may be off by."""


def bucket_names(rates: Sequence[RateLimit]) -> list[str]:
    """What the buckets of each are stored under: a limit whose number changes keeps them."""
    names: list[str] = []
    for rate in rates:
        name = f"{rate.key or ''}/{rate.units or ''}/{rate.per:g}"
        names.append(name if name not in names else f"{name}/{len(names)}")
    return names


class Bucket(msgspec.Struct):
    """`tokens` at the moment `at` (microseconds); below 0 while something that cost more than `burst` is paid for."""

    rate: RateLimit
    tokens: float
    at: int
    held: bool = False
    """Something that waits is first: what is behind it and costs less does not overtake it."""

    @classmethod
    def of(cls, rate: RateLimit, stored: tuple[float, int] | None, now: int) -> Bucket:
        """As it is at `now`; `stored` None: full. A clock that went back fills nothing."""
        burst = _burst(rate)
        if stored is None:
            return cls(rate, burst, now)
        tokens, at = stored
        return cls(rate, min(burst, tokens + max(0, now - at) / SECOND * rate.n / rate.per), max(now, at))

    def left(self, cost: float) -> int | None:
        """How many that cost so much may start; None: any number. One that costs more than the bucket holds may when it
        is full."""
        if cost <= 0:
            return None
        if self.held:
            return 0
        if cost > self.burst:
            return int(self.tokens >= self.burst - SLACK)
        return max(0, int((self.tokens + SLACK) / cost))

    def take(self, cost: float, count: int) -> None:
        self.tokens -= cost * count

    def next_at(self, cost: float) -> int:
        """When one that costs so much may start, rounded up."""
        missing = min(cost, self.burst) - self.tokens
        return self.at if missing <= 0 else self.at + max(1, -int(-missing * self.rate.per / self.rate.n * SECOND // 1))

    @property
    def full_at(self) -> int:
        """From then on it is as if it had never been used."""
        return self.next_at(self.burst)

    @property
    def burst(self) -> float:
        return _burst(self.rate)


def _burst(rate: RateLimit) -> float:
    return float(rate.n if rate.burst is None else rate.burst)
