from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stook.core.phase import Counters
from stook.core.recount import ChunkPlaces, Tally, counter_differences, tally_chunk
from stook.core.states import TERMINAL, State

PLACES = ("ready", "scheduled", "leased", "suspended")
SOUND = [
    *((state, ()) for state in sorted(TERMINAL)),
    *((state, (place,)) for state in (State.queued, State.scheduled) for place in PLACES[:3]),
    (State.suspended, ("suspended",)),
    (State.cancelling, ("leased",)),
]


def chunk_of(items, first=0):
    chunk = ChunkPlaces(first, bytes(state for state, _ in items))
    for place in PLACES:
        offsets = [offset for offset, (_, places) in enumerate(items) if place in places]
        half = len(offsets) // 2
        for some in (offsets[:half], offsets[half:]):
            run = some and some[-1] - some[0] + 1 == len(some)
            getattr(chunk, place).append(range(some[0], some[-1] + 1) if run else some)
    return chunk


def tally_of(*chunks):
    tally = Tally()
    for chunk in chunks:
        tally_chunk(tally, chunk)
    return tally


@given(st.lists(st.sampled_from(SOUND)), st.lists(st.sampled_from(SOUND)))
def test_a_sound_batch_is_counted_and_nothing_is_found(one, other):
    tally = tally_of(chunk_of(one), chunk_of(other, len(one)))
    items = [*one, *other]
    expected = Counters(total=len(items))
    for state, places in items:
        if state in TERMINAL:
            setattr(expected, state.name, getattr(expected, state.name) + 1)
        elif "leased" in places:
            expected.running += 1
        elif state is State.suspended:
            expected.suspended += 1
        elif "scheduled" in places:
            expected.scheduled += 1
    assert tally.counters == expected
    assert tally.differences() == []


@given(st.lists(st.sampled_from(SOUND)), st.data())
def test_one_wrong_item_is_found_among_all(items, data):
    wrong = {
        (State.queued, ()): "nowhere",
        (State.scheduled, ()): "nowhere",
        (State.cancelling, ()): "nowhere",
        (State.cancelling, ("ready",)): "nowhere",
        (State.queued, ("ready", "leased")): "several",
        (State.scheduled, ("ready", "scheduled")): "several",
        (State.suspended, ()): "nowhere",
        (State.suspended, ("leased",)): "several",
        (State.suspended, ("suspended", "leased")): "several",
        (State.queued, ("suspended",)): "several",
        (State.succeeded, ("suspended",)): "ended_but_held",
        (State.succeeded, ("leased",)): "ended_but_held",
        (State.cancelled, ("leased",)): "ended_but_held",
        (State.cancelled, ("ready",)): "ended_but_held",
        (State.failed, ("scheduled",)): "ended_but_held",
    }
    item = data.draw(st.sampled_from(sorted(wrong)))
    at = data.draw(st.integers(0, len(items)))
    tally = tally_of(chunk_of([*items[:at], item, *items[at:]], first=100))
    found = {name: getattr(tally, name) for name in ("nowhere", "several", "ended_but_held") if getattr(tally, name)}
    assert found == {wrong[item]: [100 + at]}
    (said,) = tally.differences()
    assert f"items {100 + at}" in said


def test_segments_named_twice_are_found():
    chunk = ChunkPlaces(0, bytes(4), ready=[range(4), [1, 2]])
    assert tally_of(chunk).several == [1, 2]


def test_counters_that_differ_are_told():
    kept = Counters(total=5, succeeded=2, running=1)
    counted = Counters(total=5, succeeded=3, running=0)
    assert counter_differences(kept, counted) == ["succeeded is kept as 2, counted 3"]
    assert counter_differences(kept, kept) == []
