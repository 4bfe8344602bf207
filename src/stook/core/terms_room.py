"""What the terms of one task leave: pure counting over live leases and token buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.lanes import lane_value, unit_cost
from stook.core.rate import Bucket, bucket_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stook.core.policy import Key
    from stook.core.terms import Terms

__all__ = ["BucketKey", "TermsRoom"]

NO_LIMIT: Final = 1 << 60
BucketKey = tuple[str, str]
"""(name of the rate limit, value of its key)."""


class TermsRoom:
    """Of one task in one project, at one moment. All limits hold together: what one refuses takes nothing of another.

    `usage` is (lane, executions, groups) of live leases; a bucket that `fill` was not told of is full."""

    def __init__(self, terms: Terms, usage: Iterable[tuple[str, int, int]], now: int) -> None:
        self._terms = terms
        self._now = now
        self._names = bucket_names(terms.rates)
        self._used: dict[tuple[int, str], int] = {}
        self._buckets: dict[BucketKey, Bucket] = {}
        self.spent: set[BucketKey] = set()
        self.count_groups = any(one.unit == "group" for one in terms.limits)
        for lane, executions, groups in usage:
            for number, limit in enumerate(terms.limits):
                self._add(number, lane, groups if limit.unit == "group" else executions)

    def copy(self) -> TermsRoom:
        other = TermsRoom(self._terms, (), self._now)
        other._used = self._used.copy()
        other._buckets = {key: Bucket(one.rate, one.tokens, one.at, one.held) for key, one in self._buckets.items()}
        return other

    def bucket_keys(self, lane: str) -> list[BucketKey]:
        return [
            (name, lane_value(lane, _path(rate.key))) for name, rate in zip(self._names, self._terms.rates, strict=True)
        ]

    def fill(self, stored: Mapping[BucketKey, tuple[float, int]]) -> None:
        for name, rate in zip(self._names, self._terms.rates, strict=True):
            for key, state in stored.items():
                if key[0] == name:
                    self._buckets[key] = Bucket.of(rate, state, self._now)

    def left(self, lane: str, cost: str | None, group: int) -> int:
        """Executions that may start; `group` as in `core.limits.Head`."""
        left = NO_LIMIT
        for number, limit in enumerate(self._terms.limits):
            free = max(0, limit.n - self._used.get((number, lane_value(lane, _path(limit.key))), 0))
            if limit.unit == "group":
                free = NO_LIMIT * bool(free) if group < 0 else free * (group or 1)
            left = min(left, free)
        for bucket, units in self._of(lane):
            may = bucket.left(unit_cost(cost, units))
            left = left if may is None else min(left, may)
        return left

    def take(self, lane: str, cost: str | None, count: int, *, ungrouped: bool) -> None:
        """`ungrouped`: each of them is a call of its own."""
        for number, limit in enumerate(self._terms.limits):
            if limit.unit == "execution" or ungrouped:
                self._add(number, lane, count)
        for place, (bucket, units) in enumerate(self._of(lane)):
            bucket.take(unit_cost(cost, units), count)
            self.spent.add(self.bucket_keys(lane)[place])

    def hold(self, lane: str, cost: str | None) -> None:
        """Something of the lane that costs so much was left over: what comes behind it waits for the same tokens."""
        for bucket, units in self._of(lane):
            bucket.held = bucket.held or bucket.left(unit_cost(cost, units)) == 0

    def has_group(self, lane: str) -> bool:
        return all(
            self._used.get((number, lane_value(lane, _path(limit.key))), 0) < limit.n
            for number, limit in enumerate(self._terms.limits)
            if limit.unit == "group"
        )

    def take_group(self, lane: str) -> None:
        for number, limit in enumerate(self._terms.limits):
            if limit.unit == "group":
                self._add(number, lane, 1)

    def is_full(self, lane: str) -> bool:
        """Nothing of the lane may start, whatever it costs."""
        if any(
            self._used.get((number, lane_value(lane, _path(limit.key))), 0) >= limit.n
            for number, limit in enumerate(self._terms.limits)
        ):
            return True
        return any(units is None and bucket.left(1) == 0 for bucket, units in self._of(lane))

    def next_at(self, lane: str, cost: str | None) -> int | None:
        """When rates let the next one start; None: they do."""
        return max((at for at in self.rate_moments(lane, cost) if at is not None), default=None)

    def rate_moments(self, lane: str, cost: str | None) -> list[int | None]:
        """For each rate limit, when it lets the next one start; None: it does."""
        return [
            bucket.next_at(unit_cost(cost, units)) if bucket.left(unit_cost(cost, units)) == 0 else None
            for bucket, units in self._of(lane)
        ]

    def full_limits(self, lane: str) -> list[tuple[int, int, str | None, str, str]]:
        """(used, most, key, value, unit) of those with no room."""
        found: list[tuple[int, int, str | None, str, str]] = []
        for number, limit in enumerate(self._terms.limits):
            value = lane_value(lane, _path(limit.key))
            used = self._used.get((number, value), 0)
            if used >= limit.n:
                found.append((used, limit.n, _path(limit.key), value, limit.unit))
        return found

    def buckets(self, keys: Iterable[BucketKey]) -> list[tuple[BucketKey, Bucket]]:
        return [(key, self._buckets[key]) for key in keys]

    def _of(self, lane: str) -> list[tuple[Bucket, str | None]]:
        found = []
        for rate, key in zip(self._terms.rates, self.bucket_keys(lane), strict=True):
            bucket = self._buckets.get(key)
            if bucket is None:
                bucket = self._buckets[key] = Bucket.of(rate, None, self._now)
            found.append((bucket, _path(rate.units)))
        return found

    def _add(self, number: int, lane: str, count: int) -> None:
        at = (number, lane_value(lane, _path(self._terms.limits[number].key)))
        self._used[at] = self._used.get(at, 0) + count


def _path(key: Key) -> str | None:
    """Stored terms name a key that is a function."""
    return key if isinstance(key, str) else None
