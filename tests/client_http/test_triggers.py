"""Events and schedules, by both clients."""

from __future__ import annotations

import asyncio
import uuid

import pytest

import stook
from stook.core.errors import NotFound, OptionError, PayloadError, UnknownTask


def test_events_and_schedules(client, served):
    assert uuid.UUID(client.emit("paid", {"n": 1}))
    with pytest.raises(PayloadError):
        client.emit("paid", float("nan"))
    made = client.schedule("t", "daily", "0 3 * * *", {"n": 1}, tz="Asia/Tokyo", priority=3, missed="all")
    assert (made.name, made.payload, made.tz, made.priority, made.missed) == ("daily", {"n": 1}, "Asia/Tokyo", 3, "all")
    assert [one.name for one in client.schedules()] == ["daily"]
    assert client.schedules("u") == []
    assert client.pause_schedule("t", "daily").paused
    assert not client.resume_schedule("t", "daily").paused
    assert (client.unschedule("t", "daily"), client.unschedule("t", "daily")) == (True, False)
    with pytest.raises(NotFound):
        client.pause_schedule("t", "daily")
    with pytest.raises(UnknownTask):
        client.schedule("nobody", "daily", "0 3 * * *")
    with pytest.raises(OptionError):
        client.schedule("t", "daily", "whenever")


def test_in_coroutines(served):
    async def main():
        async with stook.AsyncClient(served.url, key=served.secret) as client:
            assert uuid.UUID(await client.emit("paid"))
            made = await client.schedule("t", "daily", "0 3 * * *", overlap="skip")
            assert (made.overlap, [one.name for one in await client.schedules("t")]) == ("skip", ["daily"])
            paused = await client.pause_schedule("t", "daily")
            resumed = await client.resume_schedule("t", "daily")
            assert (paused.paused, resumed.paused) == (True, False)
            assert await client.unschedule("t", "daily", cancel_running=False)

    asyncio.run(main())
