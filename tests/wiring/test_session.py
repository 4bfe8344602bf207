"""An open store and its workers: what they leave behind, and what happens when one cannot start."""

from __future__ import annotations

import asyncio
import json

import pytest

from stook import App
from stook.config.settings import read_settings
from stook.core.errors import StoreError
from stook.store.script.worker_row import list_workers
from stook.wiring import session as module
from stook.wiring.session import open_session
from stook.worker.runtime import WorkerRuntime


@pytest.fixture
def tasks():
    task = App("test").task("nothing")(lambda: None)
    return {"nothing": task.definition()}


def on(url, main):
    async def opened():
        async with open_session(read_settings(url=url)) as session:
            return await main(session)

    return asyncio.run(opened())


def test_a_worker_is_seen_while_it_works(where, tasks):
    async def main(session):
        async with session.working(tasks, name="w1"):
            (row,) = await session.store.read(list_workers)
            assert (row[0], json.loads(row[3])) == ("w1", ["nothing"])
        assert list(await session.store.read(list_workers)) == []

    on(where, main)


def test_a_worker_gives_signs_of_life(where, tasks, monkeypatch):
    monkeypatch.setattr(module, "HEARTBEAT", 0.0)

    async def main(session):
        async with session.working(tasks):
            (first,) = await session.store.read(list_workers)
            while True:
                (row,) = await session.store.read(list_workers)
                if row[5] > first[5]:
                    return

    on(where, main)


def test_a_worker_that_cannot_start_leaves_nothing(where, tasks, monkeypatch):
    async def start(self):
        raise StoreError("no start today")

    monkeypatch.setattr(WorkerRuntime, "start", start)

    async def main(session):
        before = asyncio.all_tasks()
        with pytest.raises(StoreError, match="no start today"):
            async with session.working(tasks):
                pass
        assert list(await session.store.read(list_workers)) == []
        assert asyncio.all_tasks() == before
        assert session.engine.workers == []

    on(where, main)


def test_maintenance_runs_as_long_as_anybody_works(where, tasks):
    def names():
        return {task.get_name() for task in asyncio.all_tasks()}

    async def main(session):
        async with session.working(tasks):
            async with session.maintained():
                assert "stook-maintenance" in names()
            assert "stook-maintenance" in names()
        assert "stook-maintenance" not in names()

    on(where, main)
