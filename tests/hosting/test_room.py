"""Who may run next, where not all can."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.hosting.pool import Pool
from stook.hosting.room import Room


class Work:
    """In flight at one deployment."""

    def __init__(self, room):
        self.in_flight = 0
        self.share = room.share(Pool(None, idle=1, most_runs=1, grace=0))
        self.share.holder = self

    def claim(self, wanted):
        granted = self.share.take(wanted)
        self.share.granted -= granted
        self.in_flight += granted
        return granted


def room_of(most, count):
    room = Room(most)
    return room, [Work(room) for _ in range(count)]


def test_what_ends_goes_to_who_waits_and_has_least():
    room, (busy, calm, late) = room_of(4, 3)
    assert busy.claim(10) == 4
    assert (calm.claim(1), late.claim(1)) == (0, 0)
    busy.in_flight -= 1
    room.ring()
    assert [one.share.bell.is_set() for one in (busy, calm, late)] == [False, True, False]
    assert busy.claim(1) == 0, "it had more"
    assert late.claim(1) == 0, "it has waited for less long"
    assert calm.claim(1) == 1
    busy.in_flight -= 1
    assert (busy.claim(1), late.claim(1)) == (0, 1)


def test_who_found_nothing_to_do_stands_in_nobodys_way():
    room, (busy, calm) = room_of(2, 2)
    assert busy.claim(2) == 2
    assert calm.claim(1) == 0
    busy.in_flight -= 1
    assert busy.claim(1) == 0
    assert calm.share.take(1) == 1
    calm.share.granted -= 1  # its work is somebody else's by now
    assert busy.claim(1) == 1
    assert calm.claim(1) == 0
    busy.in_flight -= 1
    calm.share.want_no_more()
    assert busy.claim(5) == 1


def test_who_needs_no_more_place_goes_on_unless_somebody_waits_who_has_less():
    _, (short, other) = room_of(1, 2)
    assert short.claim(1) == 1
    assert short.share.may_go_on()
    assert other.claim(1) == 0
    assert not short.share.may_go_on()
    assert (short.share.over(1), short.share.over(3)) == (0, 2)
    short.in_flight = 0
    assert (other.claim(1), short.claim(1)) == (1, 0)
    assert short.share.over(1) == 1, "its place is the other's"


def test_who_leaves_holds_nothing_more():
    _, (one, other) = room_of(1, 2)
    assert one.claim(1) == 1
    assert other.claim(1) == 0
    one.share.leave()
    one.share.leave()
    assert other.share.bell.is_set()
    assert other.claim(1) == 1


@given(
    most=st.integers(1, 6),
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=60),
)
def test_there_are_never_too_many_and_nobody_waits_for_ever(most, steps):
    room, works = room_of(most, 4)
    for who, wanted in steps:
        if wanted:
            works[who].claim(wanted)
        elif works[who].in_flight:
            works[who].in_flight -= 1
        assert sum(one.in_flight for one in works) <= most
    for one in works:
        one.share.waits = None
    works[0].share.take(1)
    for _ in range(most):  # whatever the others do, once as much has ended as there is room, it is granted
        if works[0].share.granted:
            break
        holder = max(works[1:], key=lambda one: one.in_flight)
        holder.in_flight -= 1
        for one in works[1:]:
            one.claim(most) if one.in_flight > works[0].in_flight else None
        works[0].share.take(1)
    assert works[0].share.granted or works[0].in_flight == most


@pytest.mark.parametrize("more", [0, 1])
def test_processes_that_rest_make_place_the_longest_resting_first(more):
    class Resting:
        alive, spent, runs = True, False, 0

        def __init__(self):
            self.stopped = asyncio.Event()

        async def stop(self, grace):
            self.stopped.set()

    async def main():
        room = Room(1 + more)
        pools = [Pool(None, idle=100, most_runs=9, grace=0) for _ in range(3)]
        for pool in pools:
            room.share(pool)
        rest = [Resting(), Resting()]
        for pool, one in zip(pools, rest, strict=False):
            pool.adopt(one)
        pools[2].busy = 1
        await room.make_place()
        assert [one.stopped.is_set() for one in rest] == [True, not more]
        assert [pool.resting for pool in pools] == [0, more, 0]
        for pool in pools:
            await pool.close()

    asyncio.run(main())
