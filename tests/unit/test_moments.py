"""Lengths and moments of time as users give them."""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime, timedelta

import pytest

from stook.core.errors import OptionError
from stook.core.moments import micros_of, seconds_of


@pytest.mark.parametrize(
    "value", [-1, math.nan, math.inf, "1", True, None, [], 10**400, 10**30, 1e300, timedelta(seconds=-1)], ids=str
)
def test_no_length_of_time_is_refused(value):
    with pytest.raises(OptionError, match="delay"):
        seconds_of("delay", value)


def test_lengths_are_seconds_of_more_than_32_bits():
    assert seconds_of("delay", 0) == 0
    assert seconds_of("delay", timedelta(hours=1)) == 3600
    assert seconds_of("delay", 2**33) == 2**33
    assert seconds_of("delay", 253_402_300_800) * 1_000_000 + micros_of("run_at", 1e14) < 2**63


@pytest.mark.parametrize("value", [datetime(2030, 1, 1), "x", True, math.nan, math.inf, 10**400, 10**30, []], ids=str)
def test_no_moment_is_refused(value):
    with pytest.raises(OptionError, match="run_at"):
        micros_of("run_at", value)


def test_numbers_are_milliseconds_and_those_that_look_like_seconds_are_warned_of(caplog):
    with caplog.at_level(logging.WARNING, "stook"):
        assert micros_of("run_at", 0) == 0
        assert micros_of("run_at", 99_999_999) == 99_999_999_000
        assert micros_of("run_at", datetime(2030, 1, 1, tzinfo=UTC)) == 1_893_456_000_000_000
        assert caplog.records == []
        assert micros_of("run_at", 1_893_456_000) == 1_893_456_000_000
    assert "looks like seconds" in caplog.text
