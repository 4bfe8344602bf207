"""How much one reading gives."""

from __future__ import annotations

from stook.core.errors import OptionError

__all__ = ["check_limit"]


def check_limit(limit: int, name: str = "limit") -> None:
    """A page of nothing would never get anybody further."""
    if type(limit) is not int or limit < 1:
        raise OptionError(f"{name}={limit!r} is less than 1, or no whole number")
