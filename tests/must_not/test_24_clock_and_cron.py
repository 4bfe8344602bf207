"""The test clock skips cron."""

from __future__ import annotations

import datetime as dt

from stook import App, Cron, Event
from stook.testing import TestApp

START = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


def test_ticks_come_when_the_clock_is_moved_past_them(either):
    app, ran = App("clock"), []
    with TestApp(app, store=either) as t:

        @app.task(
            "t", triggers=[Cron("*/5 * * * *", missed="all"), Cron("30 2 * * *", name="nightly", tz="Asia/Tokyo")]
        )
        async def tick(event: Event) -> None:
            ran.append((event.name, t.clock.now - START))

        t.drain()
        assert ran == []
        t.clock.advance(299)
        t.drain()
        assert ran == []
        t.clock.advance(1)
        t.drain()
        t.drain("fixpoint")
        assert ran == [("*/5 * * * *", dt.timedelta(minutes=5))], "and `fixpoint` ends, though the series does not"
        t.clock.set(START + dt.timedelta(hours=18))
        t.drain()
        assert sorted(name for name, _ in ran) == ["*/5 * * * *"] * (18 * 12) + ["nightly"]
