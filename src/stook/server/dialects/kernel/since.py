"""`since`: a moment, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from stook.server.dialects.kernel.refusals import bad_request
from stook.wire.stamp import micros

__all__ = ["read_since"]

_MOMENT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?([Zz]|[-+ ]\d\d:\d\d)?", re.ASCII
)
_SPAN: Final = re.compile(r"\+?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+", re.ASCII)
_TERM: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_MICROSECONDS: Final = {
    "ns": 0.001,
    "us": 1,
    "µs": 1,
    "μs": 1,
    "ms": 1000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
}
_LONGEST: Final = 64
_FOR_EVER: Final = 200 * 366 * 86_400_000_000


def read_since(text: str | None, now: int) -> int | None:
    """Microseconds since the epoch; None for none, also an empty one. A moment without a zone is UTC. 400 for what is
    neither a moment nor a span like `1h30m`."""
    if not text:
        return None
    if len(text) <= _LONGEST:
        if _SPAN.fullmatch(text) or text == "0":
            span = sum(float(number) * _MICROSECONDS[unit] for number, unit in _TERM.findall(text))
            return now - round(min(span, _FOR_EVER))
        moment = _moment(text)
        if moment is not None:
            return moment
    raise bad_request(f"since: {text[:_LONGEST]!r} is neither a time like 2006-01-02T15:04:05Z nor a span like 1h30m")


def _moment(text: str) -> int | None:
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    day, minute, second, fraction, zone = found.groups()
    if zone is not None and second is None:
        return None
    # A `+` that was not encoded arrives as a space.
    offset = "+00:00" if zone in (None, "Z", "z") else zone.replace(" ", "+")
    exact = (fraction or "0").ljust(6, "0")[:6]
    try:
        moment = datetime.fromisoformat(f"{day}T{minute or '00:00'}:{second or '00'}.{exact}{offset}")
        return micros(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
