"""Following: many wait, one reads, nobody misses anything."""

from __future__ import annotations

import asyncio

import pytest

from stook import App
from stook.core.errors import Conflict, NotFound, StoreError, StoreUnavailable
from stook.engine.feed import Feeds
from stook.store.script.read.follow import Followed


@pytest.fixture
def followed(harness):
    return Watched(harness)


@pytest.fixture
def followed_on_either(harness_on_either):
    return Watched(harness_on_either)


class Watched:
    def __init__(self, harness):
        self.harness = harness
        self.session, self.portal = harness.app.opened()
        self.echo = harness.app.task("echo", max_attempts=1)(lambda number: 1 // number)
        self.reads = 0
        read = self.session.store.read

        async def counted(verb, *args, **options):
            self.reads += verb.__name__ == "follow"
            return await read(verb, *args, **options)

        self.session.store.read = counted
        self.feeds = self.session.engine.feeds

    def submit(self, count):
        batch = self.echo.map(range(1, count + 1))
        return batch, batch.show().id

    def wait(self, batch_id, *indexes):
        """Futures, on the portal's loop, that are under way when this returns."""

        async def begin():
            waiting = [asyncio.ensure_future(self.feeds.item(batch_id, index)) for index in indexes]
            await asyncio.sleep(0)
            return waiting

        return self.portal.call(begin())

    def all(self, waiting):
        async def gathered():
            return await asyncio.gather(*waiting, return_exceptions=True)

        return self.portal.call(gathered())


def test_many_wait_and_one_reads(followed_on_either):
    followed = followed_on_either
    _, batch_id = followed.submit(300)
    waiting = followed.wait(batch_id, *range(300), 7, 7)
    followed.harness.run_until_idle()
    blocks = followed.all(waiting)
    for index, block in enumerate(blocks[:300]):
        assert index - block.first in block.offsets
    assert followed.reads < 60
    assert followed.feeds._feeds == {}


def test_a_latecomer_gets_what_was_read_before(followed_on_either):
    followed = followed_on_either
    batch, batch_id = followed.submit(5)
    batch.cancel_items([1])
    early = followed.wait(batch_id, 1, 4)
    followed.all(early[:1])
    (late,) = followed.wait(batch_id, 1)
    (block,) = followed.all([late])
    assert list(block.offsets) == [1]
    assert not early[1].done()
    followed.harness.run_until_idle()
    followed.all(early)


def test_only_what_settles_from_a_number_on_is_meant(followed):
    batch, batch_id = followed.submit(1)
    followed.harness.run_until_idle()
    assert batch.show().settled == 1

    with pytest.raises(Conflict, match="the batch ended without this item"):
        followed.portal.call(followed.feeds.item(batch_id, 0, 1))


def test_one_that_ended_before_is_there_at_once(followed):
    _, batch_id = followed.submit(3)
    followed.harness.run_until_idle()
    (block,) = followed.all(followed.wait(batch_id, 2))
    assert 2 - block.first in block.offsets


def test_an_item_that_never_was_is_no_endless_wait(followed):
    _, batch_id = followed.submit(2)
    waiting = followed.wait(batch_id, 99)
    followed.harness.run_until_idle()
    (error,) = followed.all(waiting)
    assert (type(error), str(error)) == (Conflict, "the batch ended without this item")


def test_a_batch_deleted_meanwhile_is_told_to_all(followed):
    batch, batch_id = followed.submit(2)
    waiting = followed.wait(batch_id, 90, 91)
    batch.cancel()
    batch.delete()
    errors = followed.all(waiting)
    assert {type(error) for error in errors} <= {NotFound, Conflict}
    errors = followed.all(followed.wait(batch_id, 0, 1))
    assert {type(error) for error in errors} == {NotFound}


def test_when_nobody_waits_any_more_nobody_reads(followed):
    batch, batch_id = followed.submit(2)
    waiting = followed.wait(batch_id, 0, 1)
    reader = followed.feeds._feeds[batch_id].reader

    async def give_up():
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, reader, return_exceptions=True)

    followed.portal.call(give_up())
    assert reader.cancelled()
    assert followed.feeds._feeds == {}
    again = followed.wait(batch_id, 0)
    followed.harness.run_until_idle()
    assert list(followed.all(again)[0].offsets)


def test_whoever_waits_when_it_closes_is_told(followed):
    _, batch_id = followed.submit(2)
    waiting = followed.wait(batch_id, 0, 1)
    followed.portal.call(followed.feeds.close())
    errors = followed.all(waiting)
    assert {type(error) for error in errors} == {StoreUnavailable}


def test_an_error_of_the_store_is_told_to_all(followed, monkeypatch):
    _, batch_id = followed.submit(2)

    async def read(*_, **__):
        raise StoreError("broken")

    monkeypatch.setattr(followed.session.store, "read", read)
    errors = followed.all(followed.wait(batch_id, 0, 1))
    assert {str(error) for error in errors} == {"broken"}


@pytest.mark.parametrize("limit", [1, 7, 5000])
def test_blocks_come_once_and_in_order(followed, limit):
    batch, batch_id = followed.submit(40)
    batch.cancel_items([3, 30])
    followed.harness.run_until_idle()

    async def main(after):
        found = [block async for block in followed.feeds.blocks(batch_id, after, limit)]
        return [(block.settle + n, block.first + offset) for block in found for n, offset in enumerate(block.offsets)]

    numbered = followed.portal.call(main(0))
    assert [number for number, _ in numbered] == list(range(40))
    assert {index for _, index in numbered} == set(range(40))
    assert followed.portal.call(main(17)) == numbered[17:]


class Scripted:
    """A store that rings between the look and the wait, and never again."""

    def __init__(self):
        self.rings = 0
        self.looks = 0

    def mark(self):
        return self.rings

    async def wait(self, topics, timeout, since):
        if self.rings == since:
            await asyncio.Event().wait()
        return True

    async def read(self, verb, batch_id, after, limit):
        self.looks += 1
        self.rings = 1  # it settles right after the look
        return Followed([], 0, done=self.looks > 1)


def test_what_rings_right_after_the_look_is_heard():
    async def main():
        store = Scripted()
        async with asyncio.timeout(10):
            assert [block async for block in Feeds(store).blocks(b"b" * 16)] == []
        assert store.looks == 2

    asyncio.run(main())


def test_a_handle_does_not_miss_the_end_either(where):
    """`wait` and `as_completed`: the batch ends while they look, and nothing but that ring would ever tell them."""
    with App("test", store=where) as app:
        task = app.task("t")(lambda: None)
        session, _ = app.opened()
        store, read = session.store, session.store.read

        async def wait(topics, timeout, since=None):
            return await store._topics.wait(topics, 60, store.mark() if since is None else since)

        async def late(verb, batch_id, *args, **options):
            found = await read(verb, batch_id, *args, **options)
            if verb.__name__ == looked and not ended:
                ended.append(True)
                await session.engine.cancel(batch_id)
            return found

        store.wait, store.read = wait, late
        looked, ended = "show_batch", []
        assert task.map([1]).wait().state.value == "cancelled"
        looked, ended = "follow_items", []
        assert len(list(task.map([1]).as_completed())) == 1
