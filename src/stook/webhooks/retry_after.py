"""The header of that name: seconds, or a date."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["read_retry_after"]

_SECONDS: Final = re.compile(r"\d{1,9}(\.\d{1,6})?")


def read_retry_after(text: str | None, now: int) -> float | None:
    """Seconds from `now` (microseconds since the epoch), not negative. None for what says nothing."""
    if text is None:
        return None
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
        return max(0.0, (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now / 1_000_000)
    except (ValueError, OverflowError):
        return None
