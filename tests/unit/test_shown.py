from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stook.core.shown import shown
from stook.core.states import TERMINAL, State

SIZE = 12
stored = st.lists(st.sampled_from(sorted(set(State) - {State.running})), min_size=SIZE, max_size=SIZE).map(bytes)
ranges = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(lambda pair: range(*sorted(pair)))
picked = st.lists(st.integers(0, SIZE - 1), unique=True).map(sorted)
places = st.lists(ranges | picked, max_size=4)


def expected(state, *, due, leased):
    if state in TERMINAL:
        return state
    if leased or state is State.cancelling:
        return State.running
    if state is State.suspended:
        return state
    return State.scheduled if due else State.queued


@given(stored, places, places)
def test_each_item_is_shown_by_its_state_and_place(states, scheduled, running):
    due, leased = ({offset for offsets in named for offset in offsets} for named in (scheduled, running))
    assert list(shown(states, scheduled, running)) == [
        expected(State(state), due=offset in due, leased=offset in leased) for offset, state in enumerate(states)
    ]
