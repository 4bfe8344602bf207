"""The address of a store as people may see it."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["shown_url"]

_HIDDEN: Final = "***"
_OPTION: Final = re.compile(r"(password=)[^&#]*", re.IGNORECASE)


def shown_url(url: str) -> str:
    """`url` with `***` for every password. Too much is hidden rather than too little: a password may hold what an
    address keeps for itself, and the address may be wrong."""
    if url.startswith("sqlite:///"):
        return url
    head, at, place = url.rpartition("@")
    start = head.find("//") + 2 if "//" in head else 0
    user, colon, _ = head[start:].partition(":")
    whole = f"{head[:start]}{user}:{_HIDDEN}@{place}" if at and colon else url
    return _OPTION.sub(rf"\1{_HIDDEN}", whole)
