"""Quotas of projects: what may be submitted, whatever was before."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import OptionError, QuotaExceeded
from stook.core.quota_check import LEAST_BURST, Quota, Usage, admit, burst_of, check_quota, tokens_now

SECOND = 1_000_000
rates = st.floats(0.01, 1e6)
counts = st.integers(1, 50_000)


def refused(quota, usage, **asked):
    with pytest.raises(QuotaExceeded) as caught:
        admit("p", quota, usage, **({"items": 1, "size": 1, "now": 0} | asked))
    return caught.value


def test_without_limits_everything_goes():
    assert admit("p", Quota(), Usage(), items=10**9, size=10**12, now=5) == Usage(items=10**9, bytes=10**12)


@given(st.integers(1, 1000), st.lists(st.integers(-300, 300)))
def test_the_queue_is_never_longer_than_its_limit(most, steps):
    quota, usage = Quota(max_queued_items=most), Usage()
    for step in steps:
        if step <= 0:  # some have ended
            usage = Usage(items=max(0, usage.items + step))
            continue
        before = usage
        try:
            usage = admit("p", quota, usage, items=step, size=0, now=0)
        except QuotaExceeded as error:
            said = (error.limit, error.most, error.retry_after)
            fits = before.items + step <= most
        else:
            said, fits = None, True
        assert said == (None if fits else ("max_queued_items", most, None))
        assert usage.items <= most


@given(st.integers(1, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_bytes_are_limited_as_items_are(most, there, more):
    quota, usage = Quota(max_payload_bytes=most), Usage(bytes=there)
    if there + more <= most:
        assert admit("p", quota, usage, items=1, size=more, now=0).bytes == there + more
    else:
        assert refused(quota, usage, size=more).limit == "max_payload_bytes"


@given(rates, st.lists(st.tuples(counts, st.integers(0, 20 * SECOND)), max_size=60))
def test_in_the_long_run_the_rate_holds(rate, asked):
    """Never more than the bucket, one submission larger than it, and what has flowed in since."""
    quota, usage, now, admitted, largest = Quota(max_rate=rate), Usage(), 0, 0, 0
    for items, pause in asked:
        now += pause
        try:
            usage = admit("p", quota, usage, items=items, size=0, now=now)
        except QuotaExceeded:
            continue
        admitted += items
        largest = max(largest, items)
    assert admitted <= max(burst_of(rate), burst_of(rate) + largest) + rate * now / SECOND + 1


@given(rates, counts, st.integers(0, 100_000), st.integers(0, 10**16))
def test_who_waits_as_long_as_told_is_let_in(rate, items, debt, now):
    quota = Quota(max_rate=rate)
    usage = Usage(tokens=float(-debt), tokens_at=now)
    if tokens_now(usage, rate, now) >= min(items, burst_of(rate)):
        assert admit("p", quota, usage, items=items, size=0, now=now).tokens == -debt - items
        return
    wait = refused(quota, usage, items=items, now=now).retry_after
    assert wait > 0
    later = now + math.ceil(wait * SECOND) + 1
    assert admit("p", quota, usage, items=items, size=0, now=later).tokens_at == later
    just_before = now + math.floor((wait - 0.002) * SECOND)
    if just_before > now:
        refused(quota, usage, items=items, now=just_before)


@given(rates, st.floats(-1e6, 1e6), st.integers(0, 10**9), st.integers(0, 10**9))
def test_the_bucket_never_overflows_and_a_clock_that_goes_back_takes_nothing(rate, tokens, at, now):
    usage = Usage(tokens=min(tokens, burst_of(rate)), tokens_at=at)
    there = tokens_now(usage, rate, now)
    assert usage.tokens <= there <= burst_of(rate)
    assert tokens_now(usage, rate, now + SECOND) >= there


@pytest.mark.parametrize(("rate", "burst"), [(1, LEAST_BURST), (1000, 10_000), (5000, 50_000)])
def test_the_burst_is_ten_seconds_and_never_little(rate, burst):
    assert burst_of(rate) == burst
    usage = admit("p", Quota(max_rate=rate), Usage(), items=burst, size=0, now=7)
    assert (usage.tokens, usage.tokens_at) == (0, 7)
    assert refused(Quota(max_rate=rate), usage, now=7).retry_after == pytest.approx(1 / rate, abs=0.001)


def test_more_than_the_bucket_holds_is_let_in_when_it_is_full_and_leaves_a_debt():
    quota = Quota(max_rate=100)
    usage = admit("p", quota, Usage(), items=30_000, size=0, now=0)
    assert usage.tokens == -20_000
    assert refused(quota, usage, items=1).retry_after == pytest.approx(200.01)


def test_a_refusal_says_which_limit_how_much_and_what_to_do():
    error = refused(Quota(max_queued_items=10), Usage(items=8), items=3)
    assert str(error) == (
        "project 'p' has 8 items in its queue, 3 more exceed its max_queued_items=10 (wait until some have ended)"
    )
    assert (error.code, error.room) == ("quota_exceeded", 2)
    assert "submit less at a time" in str(refused(Quota(max_queued_items=10), Usage(), items=11))
    error = refused(Quota(max_rate=2), Usage(tokens=1.5, tokens_at=0), items=4)
    assert "max_rate=2 items a second: 1 of these 4 items may come now" in str(error)
    assert (error.hint, error.room) == ("try again in 1.25 s", 1)
    assert refused(Quota(max_rate=2), Usage(tokens=-5.0, tokens_at=0)).room == 0
    assert refused(Quota(max_payload_bytes=5), Usage(bytes=9)).room == 0


@pytest.mark.parametrize(
    "quota",
    [
        Quota(max_queued_items=0),
        Quota(max_queued_items=1.5),
        Quota(max_payload_bytes=True),
        Quota(max_payload_bytes=2**63),
        Quota(max_rate=0),
        Quota(max_rate=float("nan")),
        Quota(max_rate=float("inf")),
        Quota(max_rate="5"),
        Quota(max_rate=True),
    ],
)
def test_what_is_no_limit_is_refused(quota):
    with pytest.raises(OptionError, match="null: no limit"):
        check_quota(quota)
