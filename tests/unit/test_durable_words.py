"""What comes of a wait, and what is said of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.memo import Memo, MemoError, child_memo, given_key, stored_key
from stook.core.recount import ChunkPlaces, Tally, tally_chunk
from stook.core.states import State
from stook.core.wait import Awaited, EventWait, Wait, cancels_begun, due_at, past_due
from stook.core.why import why_suspended

NOW = 1_000_000_000


@pytest.mark.parametrize(
    ("wait", "due"),
    [
        (Wait("s", "sleep", seconds=1.5), NOW + 1_500_000),
        (Wait("s", "sleep", seconds=0), NOW),
        (Wait("s", "sleep"), NOW),
        (Wait("s", "sleep", until=5), 5),
        (Wait("s", "sleep", until=0), 0),
        (Wait("c", "child"), None),
        (Wait("c", "child", seconds=0), NOW),
        (Wait("e", "event", seconds=2, event=EventWait("x")), NOW + 2_000_000),
    ],
    ids=str,
)
def test_when_a_wait_is_over(wait, due):
    assert due_at(wait, NOW) == due


def test_what_time_brings():
    assert past_due("sleep", "s", None, 5) == Memo("s", "sleep")
    late = past_due("child", "c", None, 1_000_000, "some-id")
    assert late == Memo(
        "c", "child", error=MemoError("timeout", "ChildTimeout", "Child execution timed out after 1000ms", "some-id")
    )
    error = past_due("event", "e", "paid", 1_234_567).error
    assert error == MemoError("timeout", "EventTimeout", "No event 'paid' came within 1235ms")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.failed, MemoError("failed", "KeyError", "'x'", "id")),
        (State.cancelled, MemoError("cancelled", "Cancelled", "why", "id")),
        (State.expired, MemoError("expired", "Expired", "it was not started in time", "id")),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_a_childs_end_brings(state, expected):
    memo = child_memo("c", state, "id", value=None, failure=("KeyError", "'x'"), reason="why")
    assert (memo.key, memo.kind, memo.error) == ("c", "child", expected)


def test_a_result_is_a_value_and_a_lost_one_an_error():
    given = child_memo("c", State.succeeded, "id", value=b"0", failure=None, reason=None)
    assert (given.value, given.error) == (b"0", None)
    lost = child_memo("c", State.succeeded, "id", value=None, failure=None, reason=None)
    assert lost.error is not None
    assert lost.error.type == "ResultPruned"


@given(st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=())))
def test_any_key_can_be_stored_as_text(one, other):
    stored = stored_key(one)
    assert "\0" not in stored
    assert stored.encode().decode() == stored
    assert given_key(stored) == one
    assert (stored == stored_key(other)) == (one == other)


def test_which_child_a_timeout_cancels():
    assert [cancels_begun(how) for how in ("unstarted", "always", "never")] == [False, True, None]


def test_words_for_what_is_waited_for():
    waits = [
        Awaited("n", "sleep", NOW, NOW + 90_000_000),
        Awaited("c", "child", NOW, None, child_id="id"),
        Awaited("d", "child", NOW, NOW + 5_000_000, child_id="other"),
        Awaited("e", "event", NOW, None, event="paid"),
    ]
    assert why_suspended(waits, NOW) == [
        "waits until its sleep 'n' is over, in 90 s",
        "waits for child id ('c')",
        "waits for child other ('d'), which times out in 5.0 s",
        "waits for event 'paid'",
    ]
    assert why_suspended([], NOW) == []


@pytest.mark.parametrize(
    ("state", "suspensions", "found"),
    [
        (State.suspended, 1, ""),
        (State.suspended, 0, "nowhere"),
        (State.suspended, 2, "several"),
        (State.queued, 1, "several"),
        (State.succeeded, 1, "ended_but_held"),
    ],
)
def test_a_suspension_is_the_place_of_what_is_suspended(state, suspensions, found):
    tally = Tally()
    ready = [range(1)] if state is State.queued else []
    tally_chunk(tally, ChunkPlaces(0, bytes([state]), ready=ready, suspended=[range(1)] * suspensions))
    for name in ("nowhere", "several", "ended_but_held"):
        assert getattr(tally, name) == ([0] if name == found else [])
    assert tally.counters.suspended == (state is State.suspended and suspensions > 0)
