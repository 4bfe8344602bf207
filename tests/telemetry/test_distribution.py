"""Many observations at once are counted as one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stook.telemetry.distribution import HANDLERS, Distribution


@given(st.lists(st.lists(st.integers(0, 2_000_000_000))))
def test_buckets_are_those_of_counting_one_by_one(given_lists):
    one = Distribution(HANDLERS)
    for values in given_lists:
        one.add_many(values)
    every = [value for values in given_lists for value in values]
    expected = [(str(bound), sum(value <= round(bound * 1e6) for value in every)) for bound in HANDLERS]
    assert one.buckets() == [*expected, ("+Inf", len(every))]
    assert one.total == sum(every) / 1e6


def test_a_bound_belongs_to_its_bucket():
    one = Distribution((0.001, 1.0))
    one.add_many([1000, 1001, 1_000_000, 1_000_001])
    assert one.buckets() == [("0.001", 1), ("1.0", 3), ("+Inf", 4)]
