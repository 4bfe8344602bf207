"""What rings between a look and the wait for it is heard, on both databases, by everybody who marked before."""

from __future__ import annotations

import asyncio

import pytest

from stook.store.statement import Notify
from stook.store.topics import Topics

LONG = 20.0
"""Seconds nobody should have to wait."""
SHORT = 0.001


def ring(*topics):
    yield Notify(topics)


async def test_what_rang_since_the_mark_wakes_at_once(store):
    mark = store.store.mark()
    await store.write(ring, "task:ünïcode\n", "b")
    after = store.store.mark()
    assert await store.store.wait(("a", "b"), LONG, mark) is True
    assert await store.store.wait(("a", "task:ünïcode\n"), LONG, mark) is True
    assert after > mark


async def test_what_rings_later_wakes_whoever_waits(store):
    waiting = [asyncio.create_task(store.store.wait(("a", name), LONG)) for name in "bc"]
    await asyncio.sleep(0)
    await store.write(ring, "a")
    assert await asyncio.gather(*waiting) == [True, True]


async def test_each_mark_stands_by_itself():
    topics = Topics()
    early = topics.mark()
    topics.notify(["a"])
    late = topics.mark()
    topics.notify(["c"])
    assert [await topics.wait(["a", "b"], SHORT, mark) for mark in (early, late, early)] == [True, False, True]
    topics.notify_all()
    assert await topics.wait(["a", "b"], SHORT, late) is True
    assert await topics.wait(["a", "b"], SHORT, topics.mark()) is False


async def test_a_ring_long_forgotten_wakes_too_often_rather_than_never():
    topics = Topics()
    mark = topics.mark()
    topics.notify(["a"])
    topics.notify(map(str, range(20_000)))
    assert len(topics._rang) <= 10_000
    assert await topics.wait(["a"], SHORT, mark) is True
    assert await topics.wait(["a"], SHORT, topics.mark()) is False


@pytest.mark.parametrize("how", ["heard", "given up"])
async def test_waits_leave_nothing_behind(how):
    topics = Topics()
    if how == "heard":
        topics.notify(["a"])
    await topics.wait(["a", "b"], SHORT, 0)
    assert topics._listeners == {}
