"""Words of strangers, before they are looked for."""

from __future__ import annotations

__all__ = ["storable"]


def storable(text: str) -> bool:
    """False for what no text column of either database can hold (NUL, half a surrogate pair): it is not there, and
    asking for it would be an error."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
