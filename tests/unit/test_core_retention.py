"""When what has ended is to be seen no longer, and when its rows may go."""

from __future__ import annotations

import math
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import ConfigError
from stook.core.policy import TaskPolicy
from stook.core.retention import KEEP, WAITERS, Retention, is_past, purge_at
from stook.core.states import State

ENDED = [State.succeeded, State.failed, State.cancelled, State.expired]
seconds = st.none() | st.integers(0, 10**6)
times = st.integers(0, 2**50)


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, True, "5"])
def test_seconds_are_a_number_from_zero(value):
    for name in ("completed", "failed"):
        with pytest.raises(ConfigError, match=name):
            Retention(**{name: value})


def test_a_timedelta_is_seconds_and_policies_keep_them():
    policy = TaskPolicy(retention=Retention(completed=timedelta(days=1), failed=0))
    assert policy.retention == Retention(completed=86_400.0, failed=0)
    assert msgspec.json.decode(msgspec.json.encode(policy), type=TaskPolicy) == policy


def test_what_did_not_succeed_follows_failed():
    kept = Retention(completed=1, failed=2)
    assert [kept.of(state) for state in ENDED] == [1, 2, 2, 2]


@given(st.sampled_from(ENDED), times)
def test_none_keeps_for_ever_and_zero_ends_at_the_end(state, at):
    assert not is_past(KEEP, state, at, at + 2**60)
    assert is_past(Retention(0, 0), state, at, at)


@given(st.sampled_from(ENDED), st.integers(0, 10**6), times)
def test_it_is_past_from_its_time_on_and_not_a_microsecond_before(state, length, at):
    kept = Retention(length, length)
    end = at + length * 1_000_000
    assert is_past(kept, state, at, end)
    assert not is_past(kept, state, at, end - 1)


@given(seconds, seconds, st.integers(0, 3), st.integers(0, 3), times)
def test_rows_outlive_every_execution_in_them(completed, failed, succeeded, others, at):
    """Never before the last of them is past its time and waiters had theirs; for ever where one is kept for ever."""
    kept = Retention(completed, failed)
    found = purge_at(kept, succeeded=succeeded, others=others, finished_at=at)
    states = [State.succeeded] * succeeded + [State.failed] * others
    if found is None:
        assert kept == KEEP or any(kept.of(state) is None for state in states)
    else:
        assert all(is_past(kept, state, at, found - WAITERS) for state in states)
        assert not any(is_past(kept, state, at, found - WAITERS - 1) for state in states) or len(set(states)) > 1
