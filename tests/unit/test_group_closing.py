"""Whatever is ready, wanted and allowed: what a claim gives of batched tasks are full groups, or it says why not."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stook.core.limits import Head, Room, share
from stook.core.policy import BatchConfig, TaskPolicy
from stook.store.script.group import close_groups, form_groups

SECOND = 1_000_000
NOW = 8 * SECOND
TASKS = {"small": BatchConfig(3, timeout=5), "large": BatchConfig(10, timeout=2), "plain": None}
POLICIES = {name: msgspec.json.encode(TaskPolicy(batch=config)).decode() for name, config in TASKS.items()}


@dataclass
class Waiting:
    id: int
    task: str
    batch: int
    stop: int
    ready_at: int
    closed: int
    pos: int = 0
    project: str = "p"
    lane: str = ""

    @property
    def policy(self):
        return POLICIES[self.task]

    @property
    def closes_at(self):
        return self.ready_at + TASKS[self.task].timeout * SECOND

    def head(self):
        return Head(self.id, bytes([self.batch]), "p", "q", self.task, 0, self.id, self.stop)


found = st.builds(
    lambda id_, task, batch, stop, ready_at, closed: Waiting(id_, task, batch, stop, ready_at * SECOND, closed),
    st.just(0),
    st.sampled_from(sorted(TASKS)),
    st.integers(0, 2),
    st.integers(1, 8),
    st.integers(0, 8),
    st.sampled_from([0, 0, 0, 1]),
)


def look_at(task, mine, before, given_, closed, *, sated, more, hurried, room):
    """`before`, `given_`: by segment, what was shared out, and what the claim gives of that."""
    size, why = TASKS[task].size, closed.forced.get((task, "p", ""))
    count, could = (sum(by_id.get(one.id, 0) for one in mine) for by_id in (given_, before))
    assert could - count < size, "no full group stays behind"
    if why is not None:
        assert count == could > 0
    elif count % size:
        assert sated
        assert count == could < size <= sum(one.stop for one in mine)
    match why:
        case "timeout":
            assert any(one.closes_at <= NOW for one in mine)
        case "drain":
            assert hurried
        case "concurrency":
            assert all(room.left(one.head()) <= 0 for one in mine if one.id in given_)
        case _:
            overdue = could > count and all(one.closes_at <= NOW for one in mine)
            assert not overdue or sated or more


@given(
    st.lists(found, max_size=12),
    st.integers(0, 40),
    st.dictionaries(st.integers(0, 2), st.integers(0, 6)),
    st.booleans(),
    st.booleans(),
)
def test_groups_are_full_or_it_is_said_why_not(segments, items, limits, more, hurried):
    for number, one in enumerate(segments):
        one.id = number
    room = Room({}, {}, {}, {bytes([batch]): left for batch, left in limits.items()})
    forming = form_groups(segments, room, NOW, hurried=hurried)
    assert forming.wait_until is None or (forming.wait_until > NOW and not hurried)
    heads = [one.head() for one in forming.allowed]
    shares = share(heads, items=items, slices=99, room=room, in_flight={}, weights={})
    before = {one.head.id: one.take for one in shares}
    sated = sum(before.values()) >= items
    by_id = {one.id: one for one in forming.allowed}
    closed = close_groups(shares, by_id, room, NOW, sated=sated, more=more, hurried=hurried)
    given_ = {one.head.id: one.take for one in closed.shares}
    assert all(0 < take <= before[number] for number, take in given_.items())
    assert {task for task, *_ in closed.forced} <= {"small", "large"}
    for task in ("small", "large"):
        mine = [one for one in forming.allowed if one.task == task and not one.closed]
        look_at(task, mine, before, given_, closed, sated=sated, more=more, hurried=hurried, room=room)
    for one in segments:
        if one.closed or TASKS[one.task] is None:
            assert given_.get(one.id) == before.get(one.id)
