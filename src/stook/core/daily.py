"""When a queue's daily maintenance is due: at 00:MM UTC, each queue at a minute of its own."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

__all__ = ["is_due", "minute_of"]

MINUTE: Final = 60_000_000
DAY: Final = 1440 * MINUTE


def minute_of(queue: str) -> int:
    """0 to 59, the same in every program."""
    return int.from_bytes(blake2b(queue.encode("utf-8", "surrogatepass"), digest_size=4).digest()) % 60


def is_due(queue: str, done_at: int, now: int) -> bool:
    """Whether its moment has passed since it was last done. Times in microseconds since the epoch."""
    at = minute_of(queue) * MINUTE
    return (now - at) // DAY > (done_at - at) // DAY
