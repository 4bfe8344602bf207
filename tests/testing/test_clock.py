"""The clock that stands still."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import ConfigError, OptionError
from stook.testing import FakeClock

START = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


def test_it_stands_until_it_is_moved():
    clock = FakeClock()
    assert (clock.now, clock.now, clock()) == (START, START, 1_893_456_000_000_000)
    clock.advance(1.5)
    assert clock.now == START + dt.timedelta(seconds=1.5)
    clock.set(dt.datetime(2031, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=9))))
    assert clock.now == dt.datetime(2030, 12, 31, 15, tzinfo=dt.UTC)
    clock.advance(0)


@given(
    st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(9998, 1, 1)), st.timedeltas(dt.timedelta(0), dt.timedelta(300))
)
def test_it_is_exact_to_the_microsecond(start, later):
    start = start.replace(tzinfo=dt.UTC)
    clock = FakeClock(start)
    assert clock.now == start
    clock.set(start + later)
    assert clock.now == start + later


def test_it_does_not_go_back():
    clock = FakeClock(START)
    with pytest.raises(ValueError, match=r"a clock does not go back \(-1 s\)"):
        clock.advance(-1)
    with pytest.raises(ValueError, match=r"a clock does not go back \(to 2029-12-31"):
        clock.set(START - dt.timedelta(microseconds=1))
    assert clock.now == START


def test_times_without_a_zone_are_refused():
    naive = dt.datetime(2040, 1, 1)
    with pytest.raises(ValueError, match="has no time zone"):
        FakeClock(naive)
    with pytest.raises(ValueError, match="has no time zone"):
        FakeClock().set(naive)


@pytest.mark.parametrize("wrong", ["x", math.nan, math.inf, None, True], ids=repr)
def test_what_is_no_time_does_not_move_it(wrong):
    clock = FakeClock(START)
    with pytest.raises(OptionError, match="duration"):
        clock.advance(wrong)
    with pytest.raises(OptionError, match="when"):
        clock.set(wrong)
    assert clock.now == START


@pytest.mark.parametrize("wrong", [5, "2030", dt.datetime(2030, 1, 1)], ids=repr)
def test_it_begins_at_a_datetime_with_a_zone(wrong):
    with pytest.raises(ConfigError, match="like datetime"):
        FakeClock(wrong)
