"""Token buckets: never more than burst and what has flown in; nothing waits for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.policy import RateLimit
from stook.core.rate import Bucket, bucket_names

SECOND = 1_000_000
rates = st.builds(
    RateLimit,
    st.sampled_from([0.5, 1, 3, 10, 1000]),
    st.sampled_from([0.1, 1, 60, 3600]),
    burst=st.sampled_from([None, 1, 2.5, 20]),
)
steps = st.lists(
    st.tuples(st.integers(0, 100 * SECOND), st.integers(1, 30), st.sampled_from([0.5, 1, 2, 7])), max_size=30
)


def run(rate, steps_):
    """(moment, cost) of each start of a greedy claim at each step."""
    stored, now, started = None, 0, []
    for wait, wanted, cost in steps_:
        now += wait
        bucket = Bucket.of(rate, stored, now)
        may = bucket.left(cost)
        count = min(wanted, wanted if may is None else may)
        bucket.take(cost, count)
        started += [(now, cost)] * count
        stored = (bucket.tokens, bucket.at)
    return started


@given(rates, steps)
def test_no_span_of_time_sees_more_than_burst_and_what_flows_in(rate, steps_):
    started = run(rate, steps_)
    burst = Bucket.of(rate, None, 0).burst
    largest = max((cost for _, cost in started), default=0)
    for first, (begin, _) in enumerate(started):
        spent = 0.0
        for end, cost in started[first:]:
            spent += cost
            assert spent <= burst + (end - begin) / SECOND * rate.n / rate.per + max(0, largest - burst) + 1e-3


@given(rates, steps, st.sampled_from([0.5, 1, 2, 7]))
def test_when_the_next_may_start_it_may_and_not_before(rate, steps_, cost):
    stored, now = None, 0
    for wait, wanted, one in steps_:
        now += wait
        bucket = Bucket.of(rate, stored, now)
        bucket.take(one, min(wanted, bucket.left(one) or 0))
        stored = (bucket.tokens, bucket.at)
    bucket = Bucket.of(rate, stored, now)
    at = bucket.next_at(cost)
    assert Bucket.of(rate, (bucket.tokens, bucket.at), at).left(cost) != 0
    if at > now + 2:
        early = Bucket.of(rate, (bucket.tokens, bucket.at), at - max(2, (at - now) // 100))
        assert early.left(cost) == 0
    full = Bucket.of(rate, (bucket.tokens, bucket.at), bucket.full_at)
    assert full.tokens == pytest.approx(full.burst)


def test_a_clock_that_goes_back_fills_nothing_twice():
    rate = RateLimit(1, 1, burst=1)
    bucket = Bucket.of(rate, None, 10 * SECOND)
    bucket.take(1, 1)
    back = Bucket.of(rate, (bucket.tokens, bucket.at), 5 * SECOND)
    assert (back.left(1), back.at) == (0, 10 * SECOND)


def test_limits_of_equal_keys_have_buckets_of_their_own():
    rates_ = [
        RateLimit(10, 1),
        RateLimit(100, 60),
        RateLimit(5, 1),
        RateLimit(5, 1, key="t"),
        RateLimit(5, 1, units="t"),
    ]
    assert len(set(bucket_names(rates_))) == len(rates_)
    assert bucket_names([RateLimit(20, 1)]) == bucket_names([RateLimit(10, 1)])
