"""Hours in which a task may run: start included, end excluded, in a time zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from stook.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Window", "closes_at", "is_open", "opens_at", "window_of"]

_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WEEK: Final = 8
"""Days among which every window opens: a week, and today again when it is over for today. A day on which the clock
skips the whole of it makes it one week more."""


class Window(msgspec.Struct, frozen=True, omit_defaults=True):
    """From `start`, included, to `end`, excluded ("HH:MM"), in `tz`, on `days` (0 Monday to 6 Sunday; None: every
    day). A window that starts later than it ends spans midnight, and belongs to the day it starts on. A time that a
    clock change skips is the moment of the change; of one that comes twice it is the first."""

    start: str
    end: str
    tz: str = "UTC"
    days: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name, value in (("start", self.start), ("end", self.end)):
            if not _CLOCK.fullmatch(str(value)):
                raise ConfigError(f"window: {name}={value!r} is no time of day", hint='give "HH:MM", as "22:00"')
        if self.start == self.end:
            raise ConfigError(
                f"window: it starts and ends at {self.start}", hint="leave the window out if the task may always run"
            )
        try:
            ZoneInfo(self.tz)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
            raise ConfigError(f"window: tz={self.tz!r} is no time zone", hint='give "Europe/Berlin"') from None
        named = isinstance(self.days, list | tuple | set | frozenset | range)
        if self.days is not None and not (named and self.days and set(map(repr, self.days)) <= set("0123456")):
            raise ConfigError(f"window: days={self.days!r} are no days", hint="0 is Monday, 6 is Sunday: (0, 1, 2)")


def window_of(given: object) -> Window | None:
    """A window as `@app.task` takes it: itself, or a pair of times."""
    if given is None or isinstance(given, Window):
        return given
    if isinstance(given, tuple) and len(given) == 2:  # noqa: PLR2004 -- a pair
        return Window(*given)
    raise ConfigError(f"window={given!r} is no window", hint='give ("22:00", "06:00"), or a Window')


def is_open(window: Window, now: int) -> bool:
    """`now` in microseconds, as all moments here."""
    return any(start <= now < end for start, end in _spans(window, now))


def opens_at(window: Window, now: int) -> int:
    """The next moment at which it is open: `now`, if it is."""
    return min(max(start, now) for start, end in _spans(window, now) if end > now)


def closes_at(window: Window, now: int) -> int | None:
    """None: it is closed."""
    return max((end for start, end in _spans(window, now) if start <= now < end), default=None)


def _spans(window: Window, now: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each opening from yesterday's on; those that a clock change leaves nothing of are left out."""
    zone = ZoneInfo(window.tz)
    today = (_EPOCH + timedelta(microseconds=now)).astimezone(zone).date()
    for number in range(-1, 2 * _WEEK):
        day = today + number * _DAY
        if window.days is None or day.weekday() in window.days:
            start = _moment(day, window.start, zone)
            end = _moment(day + _DAY if window.start > window.end else day, window.end, zone)
            if start < end:
                yield start, end


def _moment(day: date, clock: str, zone: ZoneInfo) -> int:
    """Microseconds of a local time. One that is skipped is where the clock jumps: both its readings are then apart by
    the jump, and there is one moment from which on the clock shows more."""
    local = datetime.combine(day, time.fromisoformat(clock), zone)
    first = local.astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        first = _jump(local, zone)
    return (first - _EPOCH) // timedelta(microseconds=1)


def _jump(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment of the change that skips `local`: between what the offset before and the one after make of it."""
    low, high = sorted(local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    wanted = local.replace(tzinfo=None)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).replace(tzinfo=None) < wanted:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)  # clocks change at whole seconds
