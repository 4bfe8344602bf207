"""Whether a project may submit more: pure arithmetic over its limits, its queue, and the bucket of its rate."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from stook.core.errors import OptionError, QuotaExceeded

__all__ = ["LEAST_BURST", "Quota", "Usage", "admit", "burst_of", "check_quota", "tokens_now"]

LEAST_BURST: Final = 10_000
_MOST: Final = 2**62


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """None: no limit. `max_queued_items` counts items that have not ended, `max_payload_bytes` their payloads;
    `max_rate` is items submitted per second."""

    max_queued_items: int | None = None
    max_payload_bytes: int | None = None
    max_rate: float | None = None

    @property
    def counted(self) -> bool:
        """The queue's size has to be known."""
        return self.max_queued_items is not None or self.max_payload_bytes is not None


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """`tokens` is what the bucket held at `tokens_at` (microseconds); None: it is full."""

    items: int = 0
    bytes: int = 0
    tokens: float | None = None
    tokens_at: int | None = None


def check_quota(quota: Quota) -> None:
    """`OptionError` names what is no limit."""
    for name in ("max_queued_items", "max_payload_bytes"):
        value = getattr(quota, name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST):
            raise OptionError(f"{name}={value!r} is not a whole number ≥ 1", hint="null: no limit")
    rate: object = quota.max_rate
    if rate is not None and (
        isinstance(rate, bool) or not isinstance(rate, int | float) or not math.isfinite(rate) or not 0 < rate <= _MOST
    ):
        raise OptionError(f"max_rate={rate!r} is not a number of items per second above 0", hint="null: no limit")


def burst_of(rate: float) -> float:
    """What the bucket holds: ten seconds' worth, and never so little that a small batch does not fit."""
    return max(10 * rate, LEAST_BURST)


def tokens_now(usage: Usage, rate: float, now: int) -> float:
    """A clock that goes back takes nothing away."""
    if usage.tokens is None or usage.tokens_at is None:
        return burst_of(rate)
    return min(burst_of(rate), usage.tokens + max(0, now - usage.tokens_at) / 1_000_000 * rate)


def admit(project: str, quota: Quota, usage: Usage, *, items: int, size: int, now: int) -> Usage:
    """The usage with `items` of `size` bytes more, or `QuotaExceeded`.

    More items at once than the bucket ever holds are let in when it is full, and leave it in debt: what follows waits
    the longer, and the rate holds in the long run.
    """
    _check_size(project, "max_queued_items", quota.max_queued_items, usage.items, items, "items")
    _check_size(project, "max_payload_bytes", quota.max_payload_bytes, usage.bytes, size, "bytes of payload")
    tokens, tokens_at = usage.tokens, usage.tokens_at
    if quota.max_rate is not None:
        there = tokens_now(usage, quota.max_rate, now)
        wanted = min(items, burst_of(quota.max_rate))
        if there < wanted:
            room = max(0, math.floor(there))
            wait = math.ceil((wanted - there) / quota.max_rate * 1000) / 1000
            raise QuotaExceeded(
                f"project {project!r} submits faster than its max_rate={quota.max_rate:g} items a second: "
                f"{room} of these {items} items may come now",
                limit="max_rate",
                most=quota.max_rate,
                room=room,
                retry_after=wait,
                hint=f"try again in {wait:g} s",
            )
        tokens, tokens_at = there - items, now
    return Usage(items=usage.items + items, bytes=usage.bytes + size, tokens=tokens, tokens_at=tokens_at)


def _check_size(project: str, limit: str, most: int | None, there: int, more: int, what: str) -> None:
    if most is None or there + more <= most:
        return
    hint = "submit less at a time, or raise the limit" if more > most else "wait until some have ended"
    raise QuotaExceeded(
        f"project {project!r} has {there} {what} in its queue, {more} more exceed its {limit}={most}",
        limit=limit,
        most=most,
        room=max(0, most - there),
        hint=hint,
    )
