"""Times on the wire are exact to the microsecond, both ways."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from stook.wire.stamp import micros, seconds, stamp


@given(st.integers(-(10**16), 253_402_300_799_999_999))
def test_a_time_comes_back_as_it_was(at):
    text = stamp(at)
    assert micros(datetime.fromisoformat(text)) == at
    assert len(text) == len("2026-11-22T08:33:55.123456Z")
    assert text.endswith("Z")


@given(st.datetimes(), st.integers(-14, 14))
def test_any_offset_means_the_same_moment(moment, hours):
    zone = f"{hours:+03d}:00"
    given_at = datetime.fromisoformat(moment.isoformat() + zone)
    shift = hours * 3_600_000_000
    assert micros(given_at) + shift == micros(datetime.fromisoformat(moment.isoformat() + "+00:00"))


def test_nothing_is_nothing():
    assert stamp(None) is None
    assert seconds(None) is None
    assert seconds(1_500_000) == 1.5
