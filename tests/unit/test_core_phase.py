from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.phase import Counters, Phase, Stop, batch_state, ended_state, over_threshold
from stook.core.policy import FailurePolicy
from stook.core.states import BatchState

SOME = st.integers(0, 5)
STOPS = st.none() | st.sampled_from(Stop)


@st.composite
def done(draw):
    """Counters in which nothing is left to do."""
    ends = {name: draw(SOME) for name in ("succeeded", "failed", "cancelled", "expired")}
    return Counters(total=sum(ends.values()), **ends)


@given(st.builds(Counters, *[SOME] * 8))
def test_the_sum_of_all_states_is_always_the_total(counters):
    parts = (counters.queued, counters.running, counters.scheduled, counters.suspended, counters.terminal)
    assert sum(parts) == counters.total


@given(done(), STOPS)
def test_every_batch_ends_in_a_terminal_state(counters, stop):
    assert ended_state(counters, stop).terminal


@given(done(), STOPS)
def test_it_succeeded_only_if_every_execution_did(counters, stop):
    if ended_state(counters, stop) is BatchState.succeeded:
        assert counters.succeeded == counters.total
    if counters.succeeded == counters.total and stop in (None, Stop.soft, Stop.hard):
        assert ended_state(counters, stop) is BatchState.succeeded


@pytest.mark.parametrize(
    ("ends", "stop", "expected"),
    [
        ((3, 1, 0, 0), None, "partially_failed"),
        ((3, 0, 1, 0), None, "partially_failed"),
        ((0, 3, 0, 0), None, "failed"),
        ((0, 1, 2, 0), None, "failed"),
        ((0, 0, 3, 0), None, "cancelled"),
        ((0, 0, 0, 3), None, "expired"),
        ((0, 0, 0, 0), None, "succeeded"),
        ((2, 0, 1, 0), Stop.soft, "cancelled"),
        ((2, 1, 0, 0), Stop.hard, "partially_failed"),
        ((2, 0, 0, 1), Stop.expire, "expired"),
        ((2, 1, 3, 0), Stop.threshold, "failed"),
    ],
)
def test_what_it_is_called(ends, stop, expected):
    names = ("succeeded", "failed", "cancelled", "expired")
    assert ended_state(Counters(sum(ends), **dict(zip(names, ends, strict=True))), stop).value == expected


@given(st.builds(Counters, *[SOME] * 8), st.booleans())
def test_every_phase_has_a_state_people_see(counters, started):
    for phase in Phase:
        state = batch_state(phase, counters, "failed", started=started)
        assert state.terminal == (phase in (Phase.closed, Phase.deleted))
    running = batch_state(Phase.active, counters, None, started=started) is BatchState.running
    assert running == bool(started or counters.running or counters.terminal)


@given(
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(1, 10),
    st.floats(0.01, 1),
    st.integers(1, 9),
)
def test_a_threshold_is_reached_exactly_there(failed, total, streak, most, ratio, burst):
    def over(**options):
        return over_threshold(FailurePolicy(**options), failed=failed, total=total, streak=streak)

    assert over() is None
    assert (over(max_failed=most) is not None) == (failed >= most)
    assert (over(max_failed_ratio=ratio) is not None) == (total > 0 and failed / total >= ratio)
    assert (over(burst=burst) is not None) == (streak >= burst)
    every = over(max_failed=most, max_failed_ratio=ratio, burst=burst)
    assert (every is None) == (over(max_failed=most) is over(max_failed_ratio=ratio) is over(burst=burst) is None)
