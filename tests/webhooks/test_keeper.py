"""The keeper: wakes for what is due, for news, and at the end; failures do not end it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from stook.core.errors import StoreUnavailable
from stook.store.topics import Topics
from stook.webhooks import keeper as module
from stook.webhooks.keeper import TOPIC, Keeper, _pause

NOW = 1_000_000_000


@pytest.mark.parametrize(
    ("due_at", "pause"),
    [(None, 5.0), (NOW + 2_000_000, 2.0), (NOW + 60_000_000, 5.0), (NOW, 0.1), (NOW - 9_000_000, 0.1)],
)
def test_how_long_it_rests(due_at, pause):
    assert _pause(due_at, NOW) == pause


class Rings:
    """The notifications of a store."""

    def __init__(self):
        self.topics = Topics()

    def mark(self):
        return self.topics.mark()

    async def wait(self, topics, timeout, since=None):
        return await self.topics.wait(topics, timeout, since)


class Holds:
    """Counts looks; `answers` are given in turn, then None: nothing is held."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.looks = 0
        self.looked = asyncio.Event()

    async def release_due(self):
        self.looks += 1
        self.looked.set()
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def until(self, looks):
        while self.looks < looks:
            self.looked.clear()
            await self.looked.wait()


@contextlib.asynccontextmanager
async def keeping(holds):
    rings = Rings()
    keeper = Keeper(rings, holds)
    keeper.start()
    try:
        yield rings.topics
    finally:
        await keeper.stop()


async def test_news_wakes_it():
    holds = Holds()
    async with keeping(holds) as topics:
        await holds.until(1)
        topics.notify(["other"])
        topics.notify([TOPIC])
        await holds.until(2)
        await asyncio.sleep(0.01)
        assert holds.looks == 2


async def test_what_is_due_wakes_it(monkeypatch):
    monkeypatch.setattr(module, "SHORTEST", 0.01)
    holds = Holds(1, 1, 1)  # long ago
    async with keeping(holds):
        await holds.until(4)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), ZeroDivisionError()], ids=["store", "mistake"])
async def test_a_look_that_fails_is_taken_again(monkeypatch, error, caplog):
    monkeypatch.setattr(module, "LONGEST", 0.01)
    holds = Holds(error, error)
    async with keeping(holds):
        await holds.until(3)
    assert "cannot look after held webhook endpoints, trying again" in caplog.text


async def test_it_stops_at_once_and_can_be_started_again():
    holds = Holds()
    keeper = Keeper(Rings(), holds)
    await keeper.stop()
    for looks in (1, 2):
        keeper.start()
        await holds.until(looks)
        await asyncio.wait_for(keeper.stop(), 1)
    assert not [task for task in asyncio.all_tasks() if "keeper" in task.get_name()]
