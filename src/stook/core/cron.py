"""Cron expressions: when the next tick is, and what becomes of ticks that nobody was there for.

Expressions speak of local time, which clocks change twice a year:

    local time    01:59 │ 03:00        a local time that is skipped (02:30) ticks at the next valid instant (03:00)
    local time    02:59 │ 02:00        a local time that is repeated ticks once, the first time

Instants are microseconds since the epoch; ticks lie on whole seconds.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, assert_never

from cronsim import CronSim, CronSimError

from stook.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LATE", "Admitted", "Due", "Missed", "Overlap", "admit", "check_cron", "due_ticks", "next_after"]

Missed = Literal["one", "skip", "all"]
Overlap = Literal["allow", "skip", "queue"]

LATE: Final = 60_000_000
"""Microseconds after which a tick that nobody noticed was missed."""
_SECOND: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST: Final = 256
_FIELDS: Final = (5, 6)
_BROKEN = (CronSimError, AssertionError, TypeError, ValueError)


def check_cron(expr: object, tz: object) -> None:
    """`ConfigError` unless the expression has five fields (minute, hour, day, month, weekday), or six with seconds in
    front, and ticks now and then, and `tz` names a time zone (like Europe/Berlin)."""
    if not isinstance(expr, str) or len(expr) > _MOST or not expr.isascii():
        raise ConfigError(f"{expr!r} is not a cron expression", hint=_EXAMPLE)
    if len(expr.split()) not in _FIELDS:
        raise ConfigError(f"the cron expression {expr!r} has {len(expr.split())} fields", hint=_EXAMPLE)
    _zone(tz)
    try:
        next(CronSim(expr, datetime(2000, 1, 1)))  # noqa: DTZ001 - local time of any zone
    except StopIteration:
        raise ConfigError(f"the cron expression {expr!r} never ticks", hint="no such day comes in 50 years") from None
    except _BROKEN as error:
        raise ConfigError(f"the cron expression {expr!r} cannot be read: {error}", hint=_EXAMPLE) from None


_EXAMPLE: Final = "like '*/5 * * * *' (minute hour day month weekday), or six fields with seconds in front"


def next_after(expr: str, tz: str, after: int) -> int:
    """The first tick later than `after`. `ConfigError` as `check_cron`."""
    check_cron(expr, tz)
    zone = _zone(tz)
    floor = after // _SECOND
    local = (_EPOCH + timedelta(seconds=floor)).astimezone(zone).replace(tzinfo=None, fold=0)
    # The local time may already have been here once, with ticks later than it: those are looked at and passed over.
    for wall in CronSim(expr, local):
        tick = _instant(wall, zone)
        if tick > after:
            return tick
    raise ConfigError(f"the cron expression {expr!r} never ticks again")


class Due(NamedTuple):
    """`ticks` to run now, oldest first, and the tick to wait for after them, which may be due as well."""

    ticks: Sequence[int]
    next_at: int


def due_ticks(expr: str, tz: str, missed: Missed, next_at: int, now: int, *, most: int = 100) -> Due:
    """What a schedule whose next tick was to be at `next_at` does at `now`. Of ticks that came due together: `one` runs
    the newest, `skip` the newest if it is not later than `LATE`, `all` runs each, at most `most` at once."""
    if next_at > now:
        return Due((), next_at)
    if missed == "all":
        ticks = [next_at]
        while (following := next_after(expr, tz, ticks[-1])) <= now and len(ticks) < most:
            ticks.append(following)
        return Due(ticks, following)
    newest, following = _newest(expr, tz, next_at, now)
    match missed:
        case "one":
            return Due((newest,), following)
        case "skip":
            return Due((newest,) if now - newest <= LATE else (), following)
        case unknown:
            assert_never(unknown)


class Admitted(NamedTuple):
    """`start` executions begin now, `owed` ticks wait for the end of what runs, `skipped` ones never come."""

    start: int
    owed: int
    skipped: int


def admit(overlap: Overlap, *, due: int, owed: int, running: bool) -> Admitted:
    """Of `due` new ticks and `owed` earlier ones, while an earlier execution of the schedule is `running` or not."""
    match overlap:
        case "allow":
            return Admitted(due + owed, 0, 0)
        case "skip":
            start = 0 if running else min(due + owed, 1)
            return Admitted(start, 0, due + owed - start)
        case "queue":
            start = 0 if running else min(due + owed, 1)
            return Admitted(start, due + owed - start, 0)
        case unknown:
            assert_never(unknown)


def _newest(expr: str, tz: str, known: int, now: int) -> tuple[int, int]:
    """The last tick not after `now`, found by halving from `known`, which is one; and the tick after it."""
    end = now  # behind it there is none until `now`
    while (following := next_after(expr, tz, known)) <= end:
        middle = (known + end) // 2
        found = next_after(expr, tz, middle)
        if found > end:
            end = middle
        else:
            known = found
    return known, following


def _zone(tz: object) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(tz)  # type: ignore[arg-type] # what is no text raises
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError, AttributeError):
        raise ConfigError(f"tz={tz!r} is not a time zone", hint="like Europe/Berlin or UTC") from None


def _instant(wall: datetime, zone: zoneinfo.ZoneInfo) -> int:
    """Of a local time: the first of two, the end of the gap for none."""
    early, late = (_seconds(wall.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    if early <= late:
        return early * _SECOND
    low, high = late, early  # in a gap `fold=0` counts from the offset before it, which lies behind the gap's end
    after = _offset(high, zone)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset(middle, zone) == after else (middle, high)
    return (low if _offset(low, zone) == after else high) * _SECOND


def _seconds(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(seconds=1)


def _offset(at: int, zone: zoneinfo.ZoneInfo) -> timedelta:
    found = (_EPOCH + timedelta(seconds=at)).astimezone(zone).utcoffset()
    return timedelta() if found is None else found
