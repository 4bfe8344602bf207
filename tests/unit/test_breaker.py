"""The circuit breaker of an endpoint, whatever comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stook.core.breaker import (
    CLOSED,
    OPENS,
    PATIENCE,
    TRIAL,
    Breaker,
    Disable,
    after_failure,
    after_success,
    flow,
    take_trial,
)

SECOND = 1_000_000
NOW = 1_700_000_000 * SECOND
codes = st.sampled_from([None, 400, 404, 429, 500, 503])
waits = st.none() | st.floats(0, 10**6)
steps = st.lists(st.tuples(st.booleans(), codes, waits, st.integers(0, 3600 * SECOND)), max_size=60)


def walk(found):
    """Every breaker on the way, with the time and the failures since the last success."""
    breaker, now, failures, first = CLOSED, NOW, 0, None
    for good, code, wait, later in found:
        now += later
        if good:
            breaker, failures, first = after_success(breaker), 0, None
        else:
            after = after_failure(breaker, code, wait, now)
            failures, first = failures + 1, now if first is None else first
            if isinstance(after, Disable):
                assert now - first >= PATIENCE
                return
            breaker = after
        yield breaker, now, failures, first


@given(steps)
def test_it_is_open_from_twenty_failures_in_a_row_to_the_next_success(found):
    for breaker, _, failures, first in walk(found):
        assert (breaker.failures, breaker.since) == (failures, first)
        assert breaker.open == (failures >= OPENS)


@given(steps)
def test_nothing_starts_before_it_may_and_when_it_may_something_does(found):
    for breaker, now, *_ in walk(found):
        what = flow(breaker, 8, now)
        if what.most == 0:
            assert what.until is not None
            assert what.until > now
            later = flow(breaker, 8, what.until)
            assert later.most == (1 if breaker.open else 8)
            assert flow(breaker, 8, what.until - 1).most == 0
        else:
            assert what.until is None


@given(steps)
def test_a_hold_is_an_hour_at_most(found):
    for breaker, now, *_ in walk(found):
        assert breaker.held_until is None or breaker.held_until <= now + 3600 * SECOND


def test_a_trial_is_followed_by_another_a_minute_later():
    breaker = Breaker(failures=OPENS, since=NOW, trial_at=NOW)
    assert flow(breaker, 8, NOW).most == 1
    after = take_trial(breaker, NOW)
    assert flow(after, 8, NOW) == flow(after, 8, NOW + TRIAL - 1)
    assert flow(after, 8, NOW + TRIAL).most == 1
    failed = after_failure(after, 500, 5.0, NOW + SECOND)
    assert isinstance(failed, Breaker)
    assert failed.trial_at == NOW + TRIAL, "a failed trial does not move the next"


def test_a_success_does_not_end_a_pause_that_was_asked_for():
    breaker = after_failure(CLOSED, 503, 30.0, NOW)
    assert isinstance(breaker, Breaker)
    assert after_success(breaker).held_until == NOW + 30 * SECOND
    longer = after_failure(breaker, 429, 10.0, NOW)
    assert isinstance(longer, Breaker)
    assert longer.held_until == NOW + 30 * SECOND, "the longer of two"


def test_other_failures_hold_nobody():
    breaker = after_failure(CLOSED, 500, 30.0, NOW)
    assert isinstance(breaker, Breaker)
    assert breaker.held_until is None


def test_gone_is_the_end_whatever_was_before():
    assert after_failure(CLOSED, 410, 5.0, NOW) == Disable("410 Gone: the receiver wants no more")


def test_patience_ends_after_five_days():
    breaker = Breaker(failures=3, since=NOW)
    assert isinstance(after_failure(breaker, 500, 5.0, NOW + PATIENCE - 1), Breaker)
    assert isinstance(after_failure(breaker, None, None, NOW + PATIENCE), Disable)
