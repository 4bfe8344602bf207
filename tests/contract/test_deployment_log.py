"""What a deployment says: in order, within bounds, and to whoever follows."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from stook.core.deployment import Deployment
from stook.core.errors import NotFound
from stook.store.script import deployment_log
from tests.contract.deployed import Hosting, app


@pytest.fixture
def hosting(store, tmp_path):
    return Hosting(store, tmp_path)


async def test_lines_are_numbered_and_read_from_anywhere(store, hosting):
    made = await hosting.create()
    await hosting.code.write_log(made.id, ["one", "two"])
    store.clock.advance(1)
    await hosting.code.write_log(made.id, ["three"], execution_id="e1", at=5)
    await hosting.code.write_log("nobody", ["lost"])
    await hosting.code.write_log(made.id, [])
    read = hosting.deployments.log
    lines = await read("default", made.id)
    assert [(one.number, one.text, one.execution_id) for one in lines] == [
        (1, "one", None),
        (2, "two", None),
        (3, "three", "e1"),
    ]
    assert lines[2].at == 5
    assert [one.text for one in await read("default", made.id, after=1, most=1)] == ["two"]
    assert [one.text for one in await read("default", made.id, since=lines[0].at)] == ["one", "two"]
    assert await read("default", made.id, after=3) == []
    for project, deployment_id in (("other", made.id), ("default", "nobody")):
        with pytest.raises(NotFound):
            await read(project, deployment_id)


async def test_a_line_is_cut_and_what_no_database_keeps_is_replaced(hosting):
    made = await hosting.create()
    await hosting.code.write_log(made.id, ["é" * 40_000, "a\0b\ud800", ""])
    lines = [one.text for one in await hosting.deployments.log("default", made.id)]
    assert lines == ["é" * 32_768, "a\ufffdb\ufffd", ""]


@pytest.mark.parametrize(("lines", "bytes_"), [(50, 10**6), (10**6, 250)])
async def test_of_too_much_the_oldest_goes_with_a_note(hosting, monkeypatch, lines, bytes_):
    monkeypatch.setattr(deployment_log, "MOST_LINES", lines)
    monkeypatch.setattr(deployment_log, "MOST_BYTES", bytes_)
    made = await hosting.create()
    for start in range(0, 200, 10):
        await hosting.code.write_log(made.id, [f"n{n:04}" for n in range(start, start + 10)])
    found = await hosting.deployments.log("default", made.id)
    note, *kept = found
    assert 50 <= len(kept) <= 60
    assert [one.text for one in kept] == [f"n{n:04}" for n in range(200 - len(kept), 200)]
    assert note.text == f"[{200 - len(kept)} earlier lines are not kept]"
    assert note.number == kept[0].number - 1
    behind = await hosting.deployments.log("default", made.id, after=note.number)
    assert behind == kept


async def test_writers_at_the_same_time_lose_no_line(hosting):
    made = await hosting.create()
    await asyncio.gather(*(hosting.code.write_log(made.id, [f"{n}-{part}" for part in range(3)]) for n in range(10)))
    lines = await hosting.deployments.log("default", made.id)
    assert [one.number for one in lines] == list(range(1, 31))
    assert len({one.text for one in lines}) == 30


class Follower:
    """`news` in words, as they come."""

    def __init__(self, hosting, made, **options):
        self.news = []
        self._came = asyncio.Event()
        self._task = asyncio.create_task(self._run(hosting.listening.follow("default", made.id, **options)))

    async def _run(self, following):
        async for one in following:
            if isinstance(one, Deployment):
                self.news.append(one.state.value)
            else:
                self.news += ["idle"] if one is None else [line.text for line in one]
            self._came.set()

    async def until(self, *expected):
        async with asyncio.timeout(20):
            while self.news != list(expected):
                self._came.clear()
                coming = asyncio.create_task(self._came.wait())
                await asyncio.wait({coming, self._task}, return_when=asyncio.FIRST_COMPLETED)
                coming.cancel()
                assert not self._task.done(), self._task

    async def ended(self):
        async with asyncio.timeout(20):
            await self._task

    async def stop(self):
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


async def test_a_follower_sees_everything_in_order_to_the_end(store, hosting):
    made = await hosting.create()
    follower = Follower(hosting, made)
    await follower.until("queued")
    token = await hosting.build()
    await follower.until("queued", "building")
    await hosting.code.write_log(made.id, ["installing"])
    await follower.until("queued", "building", "installing")
    await hosting.code.publish(token, [app()])
    await follower.until("queued", "building", "installing", "running")
    store.clock.advance(1)
    await hosting.code.write_log(made.id, ["paid"], execution_id="e")
    await follower.until("queued", "building", "installing", "running", "paid")
    late = Follower(hosting, made)
    await late.until("installing", "running", "paid")
    await hosting.deployments.delete("default", made.id)
    await follower.ended()
    await late.ended()
    assert follower.news == ["queued", "building", "installing", "running", "paid", "stopped"]
    assert late.news == ["installing", "running", "paid", "stopped"]
    last = Follower(hosting, made, since=store.clock.now)
    await last.ended()
    assert last.news == ["paid", "stopped"]


async def test_a_follower_of_one_that_failed_hears_its_last_words_first(hosting):
    made = await hosting.create()
    token = await hosting.build()
    await hosting.code.write_log(made.id, ["no such module"])
    await hosting.code.fail_build(token, "ImportError")
    follower = Follower(hosting, made)
    await follower.ended()
    assert follower.news == ["no such module", "failed"]


async def test_a_follower_is_given_many_lines_page_by_page(hosting):
    made = await hosting.create()
    token = await hosting.build()
    await hosting.code.write_log(made.id, [f"n{n}" for n in range(1100)])
    await hosting.code.fail_build(token, "x")
    pages = [one async for one in hosting.listening.follow("default", made.id) if not isinstance(one, Deployment)]
    assert [len(page) for page in pages] == [500, 500, 100]
    assert [line.text for page in pages for line in page] == [f"n{n}" for n in range(1100)]


async def test_silence_is_told(hosting):
    made = await hosting.create()
    follower = Follower(hosting, made, idle=0.01)
    async with asyncio.timeout(20):
        while "idle" not in follower.news:
            await asyncio.wait_for(follower._came.wait(), 20)
            follower._came.clear()
    assert follower.news[0] == "queued"
    await follower.stop()


async def test_following_what_is_not_there(hosting):
    with pytest.raises(NotFound):
        await anext(hosting.listening.follow("default", "nobody"))
