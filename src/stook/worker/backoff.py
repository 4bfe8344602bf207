"""How long to wait before asking a source again that is not there."""

from __future__ import annotations

import random
from typing import Final

__all__ = ["pause_after"]

FIRST: Final = 0.1
LONGEST: Final = 60.0
SPREAD: Final = 0.5


def pause_after(failures: int) -> float:
    """Seconds after that many failures in a row: 100 ms doubling up to 60 s, and up to half as much again, by lot."""
    return min(LONGEST, FIRST * 2.0 ** min(failures - 1, 16)) * (1 + SPREAD * random.random())  # noqa: S311 -- no secret
