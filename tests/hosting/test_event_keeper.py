"""Users' code can write to the line of its process: what comes there is looked at before it is stored."""

from __future__ import annotations

import asyncio
import uuid

from stook.engine.hosted_events import HostedEvents
from stook.hosting.event_keeper import EventKeeper
from tests.contract.stores import open_store

GOOD = {"op": "event", "id": "e", "name": "n", "at": 1, "body": "{}"}
BROKEN = [
    {"id": "a\0b"},
    {"id": "\ud800"},
    {"name": ""},
    {"name": "x" * 300},
    {"at": -1},
    {"at": 2**70},
    {"at": "now"},
    {"body": None},
]


def test_what_is_no_event_holds_nothing_up(tmp_path):
    async def main():
        store = await open_store(f"sqlite:///{tmp_path / 'stook.db'}")
        try:
            events, execution = HostedEvents(store), str(uuid.uuid4())
            keeper = EventKeeper(events)
            for one in BROKEN:
                await keeper.take(execution, GOOD | one)
            await keeper.take(execution, GOOD)
            await keeper.kept()
            return await events.read(execution)
        finally:
            await store.close()

    assert [(one.id, one.name, one.body) for one in asyncio.run(main())] == [("e", "n", b"{}")]
