from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.states import TERMINAL, BatchState, Event, State, move

LIVE = [state for state in State if state not in TERMINAL]


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_an_execution_ends_at_most_once_unless_it_is_reopened(events):
    state, ends = State.queued, 0
    for event in events:
        after = move(state, event)
        if after is None:
            continue
        if state in TERMINAL:
            assert event is Event.reopen
            ends -= 1
        ends += after in TERMINAL
        assert ends in (0, 1)
        state = after


def test_nothing_happens_any_more_to_what_succeeded():
    assert {move(State.succeeded, event) for event in Event} == {None}


@pytest.mark.parametrize("state", sorted(TERMINAL - {State.succeeded}))
def test_what_ended_badly_can_only_be_reopened(state):
    moves = {event: move(state, event) for event in Event if move(state, event) is not None}
    assert moves == {Event.reopen: State.queued}


@pytest.mark.parametrize("state", LIVE)
def test_everything_live_can_be_cancelled_and_expire(state):
    assert move(state, Event.cancel) is State.cancelled
    assert move(state, Event.expire) in (State.expired, State.cancelled)


@pytest.mark.parametrize("event", [Event.succeed, Event.fail, Event.quarantine, Event.retry, Event.release, Event.lose])
def test_whatever_becomes_of_what_was_asked_to_stop_it_ends_cancelled(event):
    assert move(State.cancelling, event) is State.cancelled


@pytest.mark.parametrize("event", [Event.succeed, Event.fail, Event.quarantine, Event.retry, Event.release, Event.lose])
def test_only_what_runs_has_an_outcome(event):
    assert {state for state in State if move(state, event) is not None} == {State.running, State.cancelling}


def test_what_lives_can_be_finished_unless_it_is_being_cancelled():
    assert {state for state in State if move(state, Event.finish) is State.succeeded} == {*LIVE} - {State.cancelling}
    assert move(State.cancelling, Event.finish) is None


def test_only_what_is_queued_is_claimed():
    assert [state for state in State if move(state, Event.claim)] == [State.queued]


def test_every_state_is_reached_and_left():
    reached = {move(state, event) for state, event in itertools.product(State, Event)}
    assert set(State) <= reached
    assert {state for state in State if not any(move(state, event) is not None for event in Event)} == {State.succeeded}


def test_bytes_are_what_databases_hold_and_never_change():
    assert {state.name: int(state) for state in State} == {
        "queued": 0,
        "scheduled": 1,
        "running": 2,
        "suspended": 3,
        "succeeded": 4,
        "failed": 5,
        "cancelled": 6,
        "expired": 7,
        "cancelling": 8,
    }


def test_a_batch_has_ended_in_five_states():
    assert [state.value for state in BatchState if state.terminal] == [
        "succeeded",
        "partially_failed",
        "failed",
        "cancelled",
        "expired",
    ]
