"""The minute of a queue's daily maintenance."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stook.core.daily import DAY, MINUTE, is_due, minute_of

queues = st.text(max_size=20)
times = st.integers(0, 40_000 * DAY)


def test_the_minute_of_a_queue_is_the_same_for_ever():
    """Programs of two versions must agree."""
    assert [minute_of(queue) for queue in ("default", "mail", "a-b", "a_b")] == [49, 47, 2, 51]


@given(queues)
def test_it_lies_in_the_first_hour(queue):
    assert 0 <= minute_of(queue) < 60


@given(queues, times, st.integers(0, 3 * DAY))
def test_it_is_due_exactly_when_its_moment_has_passed_since(queue, done_at, later):
    now = done_at + later
    at = minute_of(queue) * MINUTE
    moments = [day * DAY + at for day in range(done_at // DAY, now // DAY + 1)]
    assert is_due(queue, done_at, now) == any(done_at < moment <= now for moment in moments)
