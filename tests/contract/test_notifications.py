"""What rings between a look and the wait for it is heard, on both databases, by everybody who marked before."""

from __future__ import annotations

import asyncio

import pytest

from stook.store.script.key import create_key
from stook.store.sqlite.driver import SqliteStore
from stook.store.statement import Notify
from stook.store.topics import Topics

LONG = 20.0
"""Seconds nobody should have to wait."""
SHORT = 0.001
LOOK = 0.005


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


async def test_what_a_process_commits_itself_wakes_those_alone_whom_it_rang(tmp_path):
    mine = SqliteStore(str(tmp_path / "one.db"), synchronous="off", look=LOOK)
    other = SqliteStore(str(tmp_path / "one.db"), synchronous="off", look=LOOK)
    try:
        rung, elsewhere = (asyncio.create_task(mine.wait((name,), LONG)) for name in ("keys", "elsewhere"))
        await asyncio.sleep(0)
        await mine.write(create_key, "a", "default", "a", ("read",), b"")
        assert await rung is True
        assert await mine.wait(("elsewhere",), 5 * LOOK) is False
        assert not elsewhere.done()
        await other.write(create_key, "b", "default", "b", ("read",), b"")
        assert await elsewhere is True
    finally:
        await mine.close()
        await other.close()
