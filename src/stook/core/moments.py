"""Lengths and moments of time as users give them."""

from __future__ import annotations

import logging
import math
from datetime import datetime, timedelta
from typing import Final

from stook.core.errors import OptionError

__all__ = ["Duration", "When", "micros_of", "seconds_of"]

Duration = timedelta | int | float
"""Numbers are seconds."""
When = datetime | int | float
"""Numbers are milliseconds since the epoch."""

logger = logging.getLogger("stook")
_SECONDS: Final = (1e8, 1e11)
"""Numbers of milliseconds that are more likely seconds: 1970 and the three years after, or 1973 to 5138 in seconds."""
_LATEST: Final = 253_402_300_800_000.0
"""Milliseconds: the end of the year 9999."""
_LONGEST: Final = 253_402_300_800


def seconds_of(name: str, value: Duration) -> float:
    """`OptionError` for what is no length of time: not a number, negative, without end, or so long that no database
    keeps when it is over."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if not (_is_number(value) and 0 <= value < math.inf):
        raise OptionError(f"{name}={value!r} is not a number of seconds ≥ 0", hint="give seconds, or a timedelta")
    if value > _LONGEST:
        raise OptionError(f"{name} is longer than {_LONGEST} seconds, the years from 1970 to 9999")
    return float(value)


def micros_of(name: str, value: When) -> int:
    """Microseconds since the epoch. `OptionError` for what is no moment, and for a datetime without a time zone."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise OptionError(f"{name}={value!r} has no time zone", hint="datetime.now(UTC), or .astimezone()")
        return round(value.timestamp() * 1_000_000)
    if not (_is_number(value) and -_LATEST < value < _LATEST):
        raise OptionError(
            f"{name}={value!r} is no moment", hint="give a datetime with a time zone, or milliseconds since the epoch"
        )
    if _SECONDS[0] <= value <= _SECONDS[1]:
        logger.warning("%s=%r is taken as milliseconds since the epoch; it looks like seconds", name, value)
    return round(value * 1000)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
