"""Times on the wire: microseconds since the epoch as RFC 3339 text, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, overload

import msgspec

__all__ = ["Moment", "Stamp", "micros", "seconds", "stamp"]

Stamp = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""In an answer."""
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""In a request: any offset, but one."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@overload
def stamp(at: int) -> str: ...


@overload
def stamp(at: int | None) -> str | None: ...


def stamp(at: int | None) -> str | None:
    """`2026-11-22T08:33:55.123456Z`."""
    if at is None:
        return None
    return f"{(_EPOCH + timedelta(microseconds=at)).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def micros(moment: datetime) -> int:
    """Exactly: a float of so many digits would not be."""
    return (moment - _EPOCH) // _MICROSECOND


def seconds(span: int | None) -> float | None:
    """Of a duration in microseconds."""
    return None if span is None else span / 1_000_000
