"""Ticks of cron expressions: against a slow search through every second of local time, and at clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from stook.core.cron import LATE, Admitted, admit, check_cron, due_ticks, next_after
from stook.core.errors import ConfigError

SECOND = 1_000_000
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]
EXPRESSIONS = [
    "* * * * *",
    "*/7 * * * *",
    "30 2 * * *",
    "0 3 * * SUN",
    "15 */2 * * *",
    "0 0 1 * *",
    "*/20 30 1,2 * * *",
]
CHANGES = [
    datetime(2026, 3, 29),
    datetime(2026, 10, 25),
    datetime(2026, 3, 8),
    datetime(2026, 11, 1),
    datetime(2026, 4, 5),
]


def micros(when):
    return int(when.timestamp()) * SECOND


def instant(*when, tz="UTC", fold=0):
    return micros(datetime(*when, tzinfo=ZoneInfo(tz), fold=fold))


@st.composite
def moments(draw):
    """Near a change of clocks, or anywhere."""
    if draw(st.booleans()):
        near = draw(st.sampled_from(CHANGES)).replace(tzinfo=UTC)
        return micros(near + timedelta(seconds=draw(st.integers(-90_000, 90_000)))) + draw(st.integers(0, SECOND - 1))
    return draw(st.integers(0, 4 * 10**15))


def ticks_of_day(expr, tz, day):
    """Every local time of the expression on these three days, as an instant by the rule: of a repeated one the first,
    of a skipped one the end of the gap, found by walking through the seconds."""
    zone = ZoneInfo(tz)
    found = set()
    for wall in CronSim(expr, day - timedelta(days=1, seconds=1)):
        if wall > day + timedelta(days=2):
            break
        at = wall.replace(tzinfo=zone).astimezone(UTC)
        if at.astimezone(zone).replace(tzinfo=None, fold=0) != wall:  # skipped: `at` lies behind the gap
            while (at - timedelta(seconds=60)).astimezone(zone).replace(tzinfo=None, fold=0) > wall:
                at -= timedelta(seconds=60)
        found.add(micros(at))
    return found


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), moments())
@settings(max_examples=150, deadline=None)
def test_the_next_tick_is_the_first_of_all(expr, tz, now):
    if expr in ("0 3 * * SUN", "0 0 1 * *"):
        now = now // (86_400 * SECOND) * 86_400 * SECOND
    found = next_after(expr, tz, now)
    assert found > now
    local = datetime.fromtimestamp(now // SECOND, UTC).astimezone(ZoneInfo(tz)).replace(tzinfo=None)
    slow = [tick for tick in ticks_of_day(expr, tz, local.replace(hour=0, minute=0, second=0)) if tick > now]
    if slow and min(slow) < now + 86_400 * SECOND:
        assert found == min(slow)
    else:
        assert found >= now + 86_400 * SECOND


@pytest.mark.parametrize(
    ("expr", "tz", "after", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", instant(2026, 3, 29, 0, 0), instant(2026, 3, 29, 1, 0)),
        ("30 2 * * *", "Europe/Berlin", instant(2026, 3, 29, 1, 0), instant(2026, 3, 30, 0, 30)),
        ("30 2 * * *", "Europe/Berlin", instant(2026, 10, 25, 0, 0), instant(2026, 10, 25, 0, 30)),
        ("30 2 * * *", "Europe/Berlin", instant(2026, 10, 25, 0, 30), instant(2026, 10, 26, 1, 30)),
        ("0 * * * *", "Europe/Berlin", instant(2026, 10, 25, 0, 0), instant(2026, 10, 25, 2, 0)),
        ("0 0 30 12 *", "Pacific/Apia", instant(2011, 12, 29, 12, 0), instant(2011, 12, 30, 10, 0)),
        ("*/15 * * * * *", "UTC", instant(2026, 1, 1), instant(2026, 1, 1, 0, 0, 15)),
        ("0 0 29 2 *", "UTC", instant(2026, 1, 1), instant(2028, 2, 29)),
    ],
    ids=["skipped", "once", "repeated", "first", "hour", "day skipped", "seconds", "leap"],
)
def test_clock_changes(expr, tz, after, expected):
    assert next_after(expr, tz, after) == expected


@given(st.sampled_from(EXPRESSIONS[:5]), st.sampled_from(ZONES), moments(), st.integers(0, 40_000))
@settings(max_examples=100, deadline=None)
def test_of_missed_ticks_the_newest_is_found(expr, tz, begun, seconds):
    """As by walking through all of them."""
    first = next_after(expr, tz, begun)
    now = first + seconds * SECOND // 2
    walked = [first]
    while (following := next_after(expr, tz, walked[-1])) <= now:
        walked.append(following)
    assert due_ticks(expr, tz, "one", first, now) == ((walked[-1],), following)
    late = now - walked[-1] > LATE
    assert due_ticks(expr, tz, "skip", first, now) == (() if late else (walked[-1],), following)
    every = due_ticks(expr, tz, "all", first, now, most=5)
    assert list(every.ticks) == walked[:5]
    assert every.next_at == [*walked, following][min(5, len(walked))]


def test_a_second_of_years_is_found_at_once():
    first = instant(2020, 1, 1)
    now = instant(2026, 1, 1)
    assert due_ticks("* * * * * *", "Europe/Berlin", "one", first, now) == ((now,), now + SECOND)


def test_nothing_is_due_before_its_time():
    for missed in ("one", "skip", "all"):
        assert due_ticks("* * * * *", "UTC", missed, 120 * SECOND, 119 * SECOND) == ((), 120 * SECOND)


@given(st.sampled_from(["allow", "skip", "queue"]), st.integers(0, 5), st.integers(0, 5), st.booleans())
def test_no_tick_is_lost_and_none_runs_twice(overlap, due, owed, running):
    done = admit(overlap, due=due, owed=owed, running=running)
    assert sum(done) == due + owed
    if overlap == "allow":
        assert done == Admitted(due + owed, 0, 0)
    else:
        assert done.start <= (0 if running else 1)
        assert done.owed == 0 or overlap == "queue"
        assert done.skipped == 0 or overlap == "skip"
        assert running or not due + owed or done.start == 1


@pytest.mark.parametrize(
    "expr",
    [
        *("", "* * * *", "* * * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "x * * * *", "@daily", "0 0 31 2 *"),
        *(7, None, "*" * 300, "* * * * ٣", "1/0 * * * *", "5-1 * * * *", "L/2 L * * *", "* * * * L"),
    ],
    ids=range(17),
)
def test_expressions_that_are_none(expr):
    with pytest.raises(ConfigError):
        check_cron(expr, "UTC")


@pytest.mark.parametrize(
    "tz", ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Europe", "UTC\0", None, 5, ["UTC"]]
)
def test_zones_that_are_none(tz):
    with pytest.raises(ConfigError, match="not a time zone"):
        check_cron("* * * * *", tz)
