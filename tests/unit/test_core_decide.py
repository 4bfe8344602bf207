from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.decide import Fails, Quarantine, Requeue, RetryAt, after_failure, after_loss, backoff, may_retry
from stook.core.policy import RetryPolicy

DEFAULT = RetryPolicy()
NOW = 1_700_000_000_000_000
SECONDS = st.floats(0, 1e6)
DRAWS = st.floats(0, 1, exclude_max=True)
POLICIES = st.builds(
    RetryPolicy,
    backoff=st.sampled_from(["schedule", "exponential", "fixed"]),
    delays=st.lists(SECONDS, min_size=1, max_size=5).map(tuple),
    base=SECONDS,
    factor=st.floats(1, 1e300),
    max_delay=SECONDS,
    jitter=st.floats(0, 1),
)


def decided(policy=DEFAULT, **options):
    words = {"max_attempts": 3, "attempt": 1, "retryable": True, "retry_after": None, "now": NOW, "draw": 0.5}
    return after_failure(policy=policy, **(words | options))


@given(POLICIES, st.integers(1, 10**6), DRAWS)
def test_a_delay_stays_within_its_jitter_at_any_attempt(policy, attempt, draw):
    without = backoff(policy, attempt, 0.5)
    assert 0 <= without < math.inf
    assert (
        without * (1 - policy.jitter) - 1e-6 <= backoff(policy, attempt, draw) <= without * (1 + policy.jitter) + 1e-6
    )


@given(POLICIES, st.integers(1, 1000))
def test_exponential_delays_grow_up_to_their_limit(policy, attempt):
    if policy.backoff == "exponential":
        assert backoff(policy, attempt, 0.5) <= backoff(policy, attempt + 1, 0.5) <= policy.max_delay


def test_each_kind_of_back_off():
    assert [backoff(RetryPolicy(), attempt, 0.5) for attempt in (1, 2, 3, 4, 99)] == [15, 30, 60, 60, 60]
    growing = RetryPolicy(backoff="exponential", base=2, factor=3, max_delay=50)
    assert [backoff(growing, attempt, 0.5) for attempt in (1, 2, 3, 4)] == [2, 6, 18, 50]
    assert [backoff(RetryPolicy(backoff="fixed", base=7), attempt, 0.5) for attempt in (1, 9)] == [7, 7]
    jittered = RetryPolicy(backoff="fixed", base=10, jitter=0.2)
    assert [backoff(jittered, 1, draw) for draw in (0.0, 0.5)] == [8, 10]


@given(st.integers(1, 10), st.integers(1, 10), st.booleans())
def test_there_is_another_attempt_while_there_are_any_left(attempt, most, retryable):
    answer = decided(attempt=attempt, max_attempts=most, retryable=retryable)
    assert isinstance(answer, RetryAt) == (retryable and attempt < most)
    assert isinstance(answer, Fails) == (not retryable or attempt >= most)


def test_retry_after_replaces_the_back_off():
    assert decided(retry_after=2.5) == RetryAt(NOW + 2_500_000)
    assert decided(retry_after=0) == RetryAt(NOW)
    assert decided(retry_after=2.5, retryable=False) == Fails()


@given(POLICIES, st.none() | st.floats(), DRAWS)
def test_a_due_time_is_one_that_a_database_can_hold_whatever_a_worker_asks_for(policy, retry_after, draw):
    answer = decided(policy, retry_after=retry_after, draw=draw)
    assert NOW <= answer.due_at < 2**62


@given(st.booleans(), st.integers(0, 10), st.integers(1, 10))
def test_only_a_loss_of_its_own_counts(alone, losses, most):
    answer = after_loss(alone=alone, losses=losses, max_losses=most)
    assert answer.losses == losses + alone
    assert isinstance(answer, Quarantine) == (alone and losses + 1 >= most)
    assert isinstance(answer, Requeue) == (not alone or losses + 1 < most)


@pytest.mark.parametrize(
    ("options", "names", "expected"),
    [
        ({}, ["ValueError", "builtins.ValueError", "Exception"], True),
        ({}, ["KeyboardInterrupt", "BaseException"], False),
        ({"retry_on": ("OSError",)}, ["ConnectionError", "OSError", "Exception"], True),
        ({"retry_on": ("OSError",)}, ["ValueError", "Exception"], False),
        ({"give_up_on": ("app.Broken",)}, ["Broken", "app.Broken", "Exception"], False),
        ({"give_up_on": ("Broken",)}, ["Fine", "Exception"], True),
    ],
)
def test_which_errors_are_worth_another_attempt(options, names, expected):
    assert may_retry(RetryPolicy(**options), names) is expected
