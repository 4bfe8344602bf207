"""How much work a worker keeps ahead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.worker.pace import BYTES_AHEAD, CLAIM_LIMIT, Pace

MILLISECOND = 1_000_000


def running(pace, *, item, slots=1, rounds=40, calls=1):
    """`rounds` of 10 ms in which `slots` handlers run without pause, `item` nanoseconds each."""
    now = 0
    for _ in range(rounds):
        now += 10 * MILLISECOND
        items = max(1, round(10 * MILLISECOND * slots / item))
        pace.ran(items=items, calls=max(1, items // calls), total=items * item, now=now)
    return pace


def test_nothing_is_fetched_ahead_before_something_was_measured():
    assert Pace(50).ahead() == 0


def test_about_75_ms_of_work_are_kept_ahead():
    assert 60 <= running(Pace(1), item=MILLISECOND).ahead() <= 90
    assert 600 <= running(Pace(10), item=MILLISECOND, slots=10).ahead() <= 900
    assert 60 <= running(Pace(10), item=MILLISECOND, slots=1).ahead() <= 90


def test_never_more_than_a_few_chunks():
    assert running(Pace(10), item=1000).ahead() == CLAIM_LIMIT


def test_half_a_second_is_too_slow_to_fetch_ahead():
    assert running(Pace(100), item=500 * MILLISECOND, slots=100).ahead() == 0
    assert running(Pace(100), item=400 * MILLISECOND, slots=100).ahead() > 0


def test_slow_claims_ask_for_more():
    pace = running(Pace(10), item=MILLISECOND, slots=10)
    pace.claimed(items=100, size=100, took=200 * MILLISECOND)
    assert 3000 <= pace.ahead() <= 4096


def test_large_payloads_are_not_piled_up():
    pace = running(Pace(10), item=1000)
    pace.claimed(items=10, size=10 * 2**20, took=MILLISECOND)
    assert pace.ahead() == BYTES_AHEAD // 2**20


def test_a_stall_forgets_that_calls_were_fast_until_they_are_again():
    pace = running(Pace(10), item=1000)
    pace.stalled()
    assert pace.ahead() == 0
    running(pace, item=1000, rounds=1)
    assert pace.ahead() == CLAIM_LIMIT


def test_a_rest_is_not_measured():
    pace = running(Pace(10), item=MILLISECOND, slots=10)
    before = pace.ahead()
    pace.rested()
    pace.ran(items=10, calls=10, total=10 * MILLISECOND, now=10**15)
    assert pace.ahead() >= before * 0.9


@given(
    slots=st.integers(1, 500),
    events=st.lists(
        st.tuples(st.integers(0, 5000), st.integers(0, 10**12), st.integers(0, 10**9), st.integers(0, 10**7))
    ),
)
def test_it_is_always_a_sensible_number(slots, events):
    pace, now = Pace(slots), 0
    for items, total, gap, size in events:
        now += gap
        pace.ran(items=items, calls=items, total=total, now=now)
        pace.claimed(items=items, size=size, took=gap)
        assert 0 <= pace.ahead() <= CLAIM_LIMIT
        if items and total / items >= 5 * 10**8 and len(events) == 1:
            assert pace.ahead() == 0


@pytest.mark.parametrize("slots", [1, 10])
def test_what_is_ahead_never_exceeds_what_all_slots_do_in_that_time(slots):
    for item in (1, 5, 20, 100, 499):
        pace = running(Pace(slots), item=item * MILLISECOND, slots=slots)
        assert pace.ahead() <= slots * 75 / item + 1
