from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stook.client.outcome_bodies import outcome_bodies
from stook.core.log import LogPart
from stook.core.outcome import Settlement, Trouble


@st.composite
def settlements(draw):
    made = []
    for token in range(draw(st.integers(0, 4))):
        good = draw(st.lists(st.binary(max_size=300), max_size=8))
        bad = draw(st.lists(st.text(max_size=200), max_size=5))
        offsets = range(len(good)) if draw(st.booleans()) else list(range(len(good)))
        troubles = [Trouble(len(good) + place, "failed", traceback=text) for place, text in enumerate(bad)]
        said = draw(st.lists(st.binary(max_size=500), max_size=5))
        logs = [LogPart(place, 0, 1, 1, 0, body) for place, body in enumerate(said)]
        made.append(Settlement(token, b"b", offsets, good, list(range(len(good))), troubles, logs=logs))
    return made


def told(many):
    """What is said of each item, in order."""
    for one in many:
        for offset, result, took in zip(one.offsets, one.results, one.durations, strict=True):
            yield one.token, offset, result, took
        for trouble in one.troubles:
            yield one.token, trouble.offset, trouble.traceback
        for part in one.logs:
            yield one.token, part.offset, part.body


def size(body):
    return (
        sum(64 + len(part) for one in body for part in one.results)
        + sum(64 + len(part.traceback) for one in body for part in one.troubles)
        + sum(64 + len(part.body) for one in body for part in one.logs)
    )


@given(settlements(), st.integers(1, 1500))
def test_what_was_said_goes_before_the_lease_ends_with_its_last_outcome(given_, most):
    ended = set()
    for one in [one for body in outcome_bodies(given_, most) for one in body]:
        assert not one.logs or one.token not in ended
        if one.offsets or one.troubles:
            ended.add(one.token)


@given(settlements(), st.integers(1, 1500))
def test_every_outcome_is_told_once_in_bodies_that_are_small_or_hold_one(given_, most):
    bodies = list(outcome_bodies(given_, most))
    assert sorted(map(repr, told(one for body in bodies for one in body))) == sorted(map(repr, told(given_)))
    for body in bodies:
        assert size(body) <= most + 64 or sum(len(one.offsets) + len(one.troubles) + len(one.logs) for one in body) == 1


def test_what_fits_is_sent_as_it_is():
    whole = [Settlement(1, b"b", range(3), [b"1"] * 3, [0] * 3)]
    assert list(outcome_bodies(whole)) == [whole]
    assert next(outcome_bodies(whole))[0] is whole[0]
