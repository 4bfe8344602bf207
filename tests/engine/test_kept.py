"""What is looked up once and kept for a moment."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.errors import NotFound
from stook.core.policy import TaskPolicy
from stook.engine.catalogue import Catalogue, TaskEntry
from stook.engine.kept import Kept
from stook.engine.known_tasks import KnownTasks
from stook.store.topics import Topics


class Place:
    """A store that only rings, and what is looked up in it; looks can be held up."""

    def __init__(self):
        self.topics = Topics()
        self.mark = self.topics.mark
        self.there = {"a": 1}
        self.looks = 0
        self.open = asyncio.Event()
        self.open.set()

    async def wait(self, topics, timeout, since):
        return await self.topics.wait(topics, timeout, since)

    async def look(self, key):
        self.looks += 1
        found = self.there.get(key)
        await self.open.wait()
        return found


def kept(seconds=60.0):
    place = Place()
    return place, Kept(place, "news", place.look, seconds=seconds)


async def until(what):
    async with asyncio.timeout(10):
        while not what():
            await asyncio.sleep(0.001)


def test_it_is_looked_up_once():
    async def main():
        place, made = kept()
        assert [await made.get("a") for _ in range(3)] == [1, 1, 1]
        assert place.looks == 1
        assert [await made.get("b") for _ in range(2)] == [None, None]
        assert place.looks == 3  # what is not there may come any moment
        await made.close()

    asyncio.run(main())


def test_those_who_ask_at_once_share_a_look():
    async def main():
        place, made = kept()
        place.open.clear()
        asking = [asyncio.create_task(made.get("a")) for _ in range(10)]
        await until(lambda: place.looks)
        asking[0].cancel()
        await asyncio.sleep(0)
        place.open.set()
        assert await asyncio.gather(*asking[1:]) == [1] * 9
        assert place.looks == 1
        await made.close()

    asyncio.run(main())


def test_a_ring_makes_it_forgotten():
    async def main():
        place, made = kept()
        assert await made.get("a") == 1
        place.there["a"] = 2
        place.topics.notify(["news"])
        await until(lambda: not made._found)
        assert await made.get("a") == 2
        await made.close()

    asyncio.run(main())


def test_time_makes_it_forgotten():
    async def main():
        place, made = kept(seconds=0.01)
        assert await made.get("a") == 1
        await until(lambda: not made._found)
        assert await made.get("a") == 1
        assert place.looks == 2
        await made.close()

    asyncio.run(main())


def test_what_changed_during_the_look_is_not_kept():
    async def main():
        place, made = kept()
        place.open.clear()
        early = asyncio.create_task(made.get("a"))
        await until(lambda: place.looks)
        place.there["a"] = 2
        made.forget()
        late = asyncio.create_task(made.get("a"))
        await until(lambda: place.looks == 2)
        place.open.set()
        assert (await early, await late) == (1, 2)
        assert await made.get("a") == 2
        await made.close()

    asyncio.run(main())


def test_an_error_is_heard_by_all_and_not_kept():
    async def main():
        place, made = kept()
        looks = 0

        async def fails(key):
            nonlocal looks
            looks += 1
            await asyncio.sleep(0)
            raise NotFound(key)

        made._look = fails
        found = await asyncio.gather(*(made.get("a") for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in found] == [NotFound] * 3
        with pytest.raises(NotFound):
            await made.get("a")
        assert looks == 2
        await made.close()

    asyncio.run(main())


def test_a_task_is_known_as_it_was_told_last(harness_on_either):
    session, portal = harness_on_either.app.opened()

    async def main():
        catalogue = Catalogue(session.store, "default")
        known = KnownTasks(session.store, catalogue)
        try:
            with pytest.raises(NotFound):
                await known.find("t")
            await catalogue.see([TaskEntry("t", "default", TaskPolicy(max_attempts=1))])
            first = await known.find("t")
            assert (first.name, first.policy.max_attempts) == ("t", 1)
            async with asyncio.timeout(10):  # the first may not be kept: the telling rang meanwhile
                while await known.find("t") is not await known.find("t"):
                    await asyncio.sleep(0.001)
            await catalogue.see([TaskEntry("t", "other", TaskPolicy(max_attempts=2, queue="other"))])
            async with asyncio.timeout(10):
                while (await known.find("t")).policy.max_attempts != 2:
                    await asyncio.sleep(0.001)
        finally:
            await known.close()

    portal.call(main())
