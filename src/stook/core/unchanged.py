"""Not given, where None means something: no limit."""

from __future__ import annotations

from enum import Enum
from typing import Final

__all__ = ["UNCHANGED", "Unchanged"]


class Unchanged(Enum):
    """Not given; `None` means no limit."""

    unchanged = "unchanged"

    def __repr__(self) -> str:
        return "unchanged"


UNCHANGED: Final = Unchanged.unchanged
