"""Groups are formed to fit `max_bytes` where they are claimed: what is claimed as one is one call of the handler."""

from __future__ import annotations

import msgspec
import pytest

from stook.core.policy import BatchConfig, ConcurrencyLimit, TaskPolicy
from stook.store.script.terms import declare_terms
from tests.contract.batches import send, succeed, take
from tests.contract.laned import given, submit_values

COUNTED = (ConcurrencyLimit(2, unit="group"),)


def policy(size=4, *, timeout=60, most=30_000, limits=(), **batch):
    return TaskPolicy(batch=BatchConfig(size, timeout=timeout, max_bytes=most, **batch), limits=limits)


def items(*hundreds):
    return ["x" * (100 * one - 2) for one in hundreds]


def groups(claimed):
    """Hundreds of bytes of each member, and what closed it, by group."""
    found = {}
    for one in claimed.slices:
        assert one.group, "it has a number"
        found.setdefault((one.group, one.forced), []).extend((len(text) + 2) // 100 for text in given([one]))
    return [(members, why) for (_, why), members in found.items()]


def plain(claimed):
    return [(len(text) + 2) // 100 for text in given(claimed.slices)]


async def declare(store, terms):
    await store.write(declare_terms, "default", [("t", msgspec.json.encode(terms).decode())])


async def test_groups_close_by_bytes_and_the_rest_waits_for_its_time(store):
    await submit_values(store, items(100, 150, 100, 250, 30, 10), policy(), per=2)
    claimed = await take(store)
    assert groups(claimed) == [([100, 150], "bytes"), ([100], "bytes")]
    assert claimed.wait == pytest.approx(60)
    store.clock.advance(60)
    assert plain(await take(store)) == [250, 30, 10]


async def test_one_that_is_larger_than_a_group_goes_alone(store):
    await submit_values(store, items(20, 400, 20, 20, 20, 20), policy(), per=1)
    assert groups(await take(store)) == [([20], "bytes"), ([400], "bytes")]
    assert plain(await take(store)) == [20, 20, 20, 20]


async def test_one_group_claimed_is_one_counted(store):
    terms = policy(limits=COUNTED)
    await declare(store, terms)
    await submit_values(store, items(*[200] * 6), terms)
    claimed = await take(store)
    assert groups(claimed) == [([200], "bytes"), ([200], "bytes")]
    assert not (await take(store)).slices, "two are at work"
    await send(store, succeed(claimed.slices[0]))
    assert groups(await take(store)) == [([200], "bytes")]


async def test_a_group_whose_time_has_come_is_cut_by_bytes_too(store):
    await submit_values(store, items(200, 200, 50), policy(10))
    store.clock.advance(60)
    assert groups(await take(store)) == [([200], "bytes"), ([200, 50], "timeout")]


async def test_lanes_are_cut_each_by_itself(store):
    terms = policy(3, key="tenant")
    big = "x" * 20_000
    values = [{"tenant": name, "text": big} for name in "abab"] + [{"tenant": "b", "text": ""}] * 2
    await submit_values(store, values, terms)
    (first,) = (await take(store)).slices
    assert (first.lane.endswith('"b"}'), first.forced, len(first.offsets)) == (True, "bytes", 1)
    (then,) = (await take(store)).slices
    assert (then.lane.endswith('"b"}'), then.forced, len(then.offsets)) == (True, None, 3)
    assert not (await take(store)).slices, "those of the other lane are two of three"


async def test_sizes_are_read_only_where_they_may_matter(store):
    await submit_values(store, items(*[1] * 40), policy(most=4 * 2**20))
    await submit_values(store, items(200, 200), TaskPolicy(), task="plain")
    await take(store, tasks=["t", "plain"])
    assert "read_starts" not in store.statements
    await submit_values(store, items(*[1] * 40), policy(most=200))
    store.statements.clear()
    await take(store)
    assert store.statements["read_starts"] == 1
