"""Hours of the day, across midnight, weeks and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import ConfigError
from stook.core.window import Window, closes_at, is_open, opens_at, window_of

BERLIN = "Europe/Berlin"
clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
zones = st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia"])
days = st.one_of(st.none(), st.sets(st.integers(0, 6), min_size=1).map(lambda some: tuple(sorted(some))))
windows = st.builds(
    lambda pair, tz, some: Window(*pair, tz, some),
    st.tuples(clocks, clocks).filter(lambda pair: pair[0] != pair[1]),
    zones,
    days,
)
moments = st.integers(0, 2_200_000_000).map(lambda seconds: seconds * 1_000_000)


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(moment.timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("clock", "open_"),
    [("08:59:59", False), ("09:00", True), ("16:59:59", True), ("17:00", False), ("00:00", False)],
)
def test_the_start_belongs_to_it_the_end_does_not(clock, open_):
    assert is_open(Window("09:00", "17:00"), at(f"2030-01-02T{clock}")) is open_


@pytest.mark.parametrize(
    ("clock", "open_"),
    [("21:59:59", False), ("22:00", True), ("23:59:59", True), ("00:00", True), ("05:59:59", True), ("06:00", False)],
)
def test_it_may_span_midnight(clock, open_):
    assert is_open(Window("22:00", "06:00"), at(f"2030-01-02T{clock}")) is open_


def test_a_night_belongs_to_the_day_it_begins_on():
    friday = Window("22:00", "06:00", days=(4,))
    assert is_open(friday, at("2030-01-04T23:00"))
    assert is_open(friday, at("2030-01-05T05:00"))
    assert not is_open(friday, at("2030-01-04T05:00"))
    assert opens_at(friday, at("2030-01-05T06:00")) == at("2030-01-11T22:00")


def test_it_goes_by_the_clock_on_the_wall():
    window = Window("09:00", "17:00", BERLIN)
    assert opens_at(window, at("2030-01-15T00:00")) == at("2030-01-15T08:00")
    assert opens_at(window, at("2030-07-15T00:00")) == at("2030-07-15T07:00")


def test_a_start_that_the_clock_skips_is_the_moment_of_the_change():
    """On 31 March 2030 Berlin goes from 02:00 to 03:00."""
    window = Window("02:30", "04:00", BERLIN)
    change = at("2030-03-31T01:00")
    assert opens_at(window, change - 3_600_000_000) == change
    assert closes_at(window, change) == at("2030-03-31T02:00")


def test_a_window_that_a_clock_change_swallows_opens_the_next_day():
    window = Window("02:10", "02:50", BERLIN)
    assert opens_at(window, at("2030-03-31T00:30")) == at("2030-04-01T02:10", BERLIN)


def test_of_a_time_that_comes_twice_it_is_the_first():
    """On 27 October 2030 Berlin has two hours from 02:00 on."""
    window = Window("02:30", "04:00", BERLIN)
    assert opens_at(window, at("2030-10-27T00:00", BERLIN)) == at("2030-10-27T02:30", BERLIN, fold=0)
    assert is_open(window, at("2030-10-27T02:15", BERLIN, fold=1))


@given(windows, moments)
def test_the_three_questions_agree(window, now):
    opens, closes = opens_at(window, now), closes_at(window, now)
    assert is_open(window, now) is (opens == now) is (closes is not None)
    assert is_open(window, opens)
    assert opens == now or not is_open(window, opens - 1_000_000)
    if closes is not None:
        assert closes > now
        assert is_open(window, closes - 1)
    assert opens - now < timedelta(days=16) / timedelta(microseconds=1)


@given(windows, moments)
def test_it_is_open_when_the_clock_on_the_wall_says_so(window, now):
    """But for the days around a clock change, which have their own tests."""
    zone = ZoneInfo(window.tz)
    here = datetime.fromtimestamp(now / 1_000_000, UTC).astimezone(zone)
    offsets = {(here + timedelta(days=shift)).utcoffset() for shift in (-2, -1, 0, 1, 2)}
    if len(offsets) > 1:
        return
    clock, overnight = here.strftime("%H:%M"), window.start > window.end
    late = overnight and clock < window.end
    day = (here.weekday() - late) % 7
    inside = (clock >= window.start or late) if overnight else window.start <= clock < window.end
    assert is_open(window, now) is (inside and (window.days is None or day in window.days))


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        (("09:00", "09:00"), "starts and ends"),
        (("9:00", "17:00"), "no time of day"),
        (("09:00", "24:00"), "no time of day"),
        (("09:00", "17:00:00"), "no time of day"),
        (("09:00",), "no window"),
        ("09:00-17:00", "no window"),
        (7, "no window"),
    ],
)
def test_what_is_no_window(given_, says):
    with pytest.raises(ConfigError, match=says):
        window_of(given_)


@pytest.mark.parametrize("options", [{"tz": "Mars/Base"}, {"tz": ""}, {"days": ()}, {"days": (7,)}, {"days": ("mon",)}])
def test_zones_and_days_are_checked(options):
    with pytest.raises(ConfigError):
        Window("09:00", "17:00", **options)
