"""Several limits of one task hold together: what is left is what all of them leave, and nothing is taken twice."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from stook.core.lanes import lane_value
from stook.core.policy import ConcurrencyLimit, RateLimit
from stook.core.terms import Terms
from stook.core.terms_room import NO_LIMIT, TermsRoom

NOW = 10**15
KEYS = ("tenant", "user", None)
LANES = [f"00000000:{json.dumps({'tenant': tenant, 'user': user})}" for tenant in "ab" for user in "xy"]

limits = st.builds(
    ConcurrencyLimit, st.integers(1, 5), st.sampled_from(KEYS), st.sampled_from(["execution", "execution", "group"])
)
rates = st.builds(
    RateLimit, st.integers(1, 5), st.integers(1, 60), st.sampled_from(KEYS), st.none() | st.integers(1, 7)
)
terms = st.builds(
    lambda some, more: Terms(tuple(some), tuple(more)), st.lists(limits, max_size=4), st.lists(rates, max_size=3)
)
usage = st.lists(st.tuples(st.sampled_from(LANES), st.integers(0, 6), st.integers(0, 3)), max_size=4)
wanted = st.lists(st.tuples(st.sampled_from(LANES), st.integers(1, 6)), max_size=12)
SINGLY = 0
"""As `Head.group`: each execution is a call of its own."""


def live(terms, usage, limit, lane):
    """What counts against a limit, of executions that are not batched."""
    mine = lane_value(lane, limit.key)
    same = [one for one in usage if lane_value(one[0], limit.key) == mine]
    return sum(groups if limit.unit == "group" else executions for _, executions, groups in same)


def model(terms, usage, taken, lane):
    """What may start, counted anew."""
    left = NO_LIMIT
    for limit in terms.limits:
        mine = lane_value(lane, limit.key)
        started = sum(count for other, count in taken if lane_value(other, limit.key) == mine)
        left = min(left, max(0, limit.n - live(terms, usage, limit, lane) - started))
    for rate in terms.rates:
        mine = lane_value(lane, rate.key)
        started = sum(count for other, count in taken if lane_value(other, rate.key) == mine)
        left = min(left, max(0, math.floor((rate.n if rate.burst is None else rate.burst) - started)))
    return left


@given(terms, usage, wanted)
def test_what_is_left_is_what_all_limits_leave_whatever_was_taken(terms, usage, wanted):
    room = TermsRoom(terms, usage, NOW)
    taken = []
    for lane, want in wanted:
        left = room.left(lane, None, SINGLY)
        assert left == model(terms, usage, taken, lane)
        assert room.is_full(lane) == (left == 0), "full is: nothing is left"
        count = min(want, left)
        if count:
            room.take(lane, None, count, ungrouped=True)
            taken.append((lane, count))
        assert room.left(lane, None, SINGLY) >= 0


@given(terms, usage, wanted)
def test_what_one_limit_refuses_takes_nothing_of_another(terms, usage, wanted):
    """Asking, copying and holding back change nothing."""
    room = TermsRoom(terms, usage, NOW)
    for lane, want in wanted:
        before = [room.left(one, None, SINGLY) for one in LANES]
        copied = room.copy()
        if copied.left(lane, None, SINGLY):
            copied.take(lane, None, min(want, before[LANES.index(lane)]), ungrouped=True)
        room.full_limits(lane)
        room.rate_moments(lane, None)
        assert [room.left(one, None, SINGLY) for one in LANES] == before
        if not room.left(lane, None, SINGLY):
            continue
        room.take(lane, None, 1, ungrouped=True)
        after = [room.left(one, None, SINGLY) for one in LANES]
        assert all(was - now in (0, 1) or was == NO_LIMIT for was, now in zip(before, after, strict=True))


@given(terms, usage, st.sampled_from(LANES), st.integers(1, 4))
def test_groups_take_one_each_and_their_members_what_counts_executions(terms, usage, lane, size):
    room = TermsRoom(terms, usage, NOW)
    groups = [one for one in terms.limits if one.unit == "group"]
    free = min((max(0, one.n - live(terms, usage, one, lane)) for one in groups), default=NO_LIMIT)
    assert room.has_group(lane) == (free > 0)
    before = room.left(lane, None, size)
    assert (before == 0) == room.is_full(lane)
    if groups and free:
        room.take_group(lane)
        assert room.left(lane, None, size) <= before
        assert room.has_group(lane) == (free > 1)


@given(terms, usage, st.sampled_from(LANES))
def test_why_nothing_starts_is_said_exactly_when_nothing_does(terms, usage, lane):
    room = TermsRoom(terms, usage, NOW)
    while 0 < (left := room.left(lane, None, SINGLY)) < NO_LIMIT:
        assert not room.full_limits(lane)
        assert room.next_at(lane, None) is None
        room.take(lane, None, left, ungrouped=True)
    said = bool(room.full_limits(lane)) or room.next_at(lane, None) is not None
    assert said == (room.left(lane, None, SINGLY) == 0)
