from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from stook.core.limits import Head, Room, ramp_limit, share

SECOND = 1_000_000
NAMES = st.sampled_from("ab")


@st.composite
def queues(draw):
    heads = []
    for number in range(draw(st.integers(0, 14))):
        batch = bytes([draw(st.integers(0, 4))])
        heads.append(
            Head(
                number,
                batch,
                draw(NAMES),
                draw(NAMES),
                draw(NAMES),
                draw(st.integers(-1, 1)),
                draw(st.integers(0, 30)),
                draw(st.integers(1, 9)),
            )
        )
    some = st.integers(0, 12)
    pair = st.tuples(NAMES, NAMES)
    room = Room(
        draw(st.dictionaries(NAMES, some)),
        draw(st.dictionaries(pair, some)),
        draw(st.dictionaries(pair, some)),
        draw(st.dictionaries(st.integers(0, 4).map(lambda one: bytes([one])), some)),
    )
    return heads, room


def copied(room):
    return Room(dict(room.projects), dict(room.queues), dict(room.tasks), dict(room.batches))


def shared(heads, room, items=100, slices=100, in_flight=None, weights=None):
    return share(heads, items=items, slices=slices, room=copied(room), in_flight=in_flight or {}, weights=weights or {})


NO_LIMITS = Room({}, {}, {}, {})


@given(queues(), st.integers(0, 40), st.integers(0, 10))
def test_nobody_is_given_more_than_there_is_than_asked_for_or_than_a_limit_leaves(queue, items, slices):
    heads, room = queue
    shares = shared(heads, room, items, slices)
    assert sum(one.take for one in shares) <= items
    assert len(shares) <= slices
    assert len({one.head.id for one in shares}) == len(shares)
    assert all(0 < one.take <= one.head.left for one in shares)
    for limits, name in (
        (room.projects, lambda head: head.project),
        (room.queues, lambda head: (head.project, head.queue)),
        (room.tasks, lambda head: (head.project, head.task)),
        (room.batches, lambda head: head.batch_id),
    ):
        used = Counter()
        for one in shares:
            used[name(one.head)] += one.take
        assert all(used[scope] <= most for scope, most in limits.items())


@given(queues(), st.integers(1, 40))
def test_nothing_that_may_run_is_left_while_the_worker_wants_more(queue, items):
    heads, room = queue
    shares = shared(heads, room, items)
    given_ = {one.head.id: one.take for one in shares}
    left = copied(room)
    for one in shares:
        left.take(one.head, one.take)
    if sum(given_.values()) < items:
        for head in heads:
            assert min(head.left - given_.get(head.id, 0), left.left(head)) <= 0


@given(queues())
def test_higher_priorities_come_first_and_within_a_project_lower_ranks(queue):
    heads, _ = queue
    shares = shared(heads, NO_LIMITS)
    assert [one.head.priority for one in shares] == sorted((head.priority for head in heads), reverse=True)
    for project in "ab":
        mine = [one.head for one in shares if one.head.project == project]
        assert mine == sorted(mine, key=lambda head: (-head.priority, head.rank, head.id))


@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_projects_share_by_their_weights(first, second):
    heads = [Head(n, bytes([n % 2]), "ab"[n % 2], "q", "t", 0, 0, 1) for n in range(400)]
    shares = shared(heads, NO_LIMITS, items=100, slices=100, weights={"a": first, "b": second})
    used = Counter(one.head.project for one in shares)
    assert abs(used["a"] - 100 * first / (first + second)) <= 2


def test_who_has_more_in_flight_waits():
    heads = [Head(n, bytes([n]), "ab"[n % 2], "q", "t", 0, 0, 1) for n in range(20)]
    shares = shared(heads, NO_LIMITS, items=6, in_flight={"a": 4})
    assert Counter(one.head.project for one in shares) == {"b": 5, "a": 1}


@given(st.integers(0, 2**50), st.floats(0, 100))
def test_a_ramp_grows_from_four_and_ends_after_ten_seconds(resumed, seconds):
    now = resumed + round(seconds * SECOND)
    limit = ramp_limit(now, resumed)
    if now - resumed >= 10 * SECOND:
        assert limit is None
    else:
        assert limit == 4 * 2 ** ((now - resumed) // SECOND)


def test_without_a_resume_there_is_no_ramp_and_a_clock_that_went_back_does_no_harm():
    assert ramp_limit(5, None) is None
    assert ramp_limit(0, 50 * SECOND) == 4
