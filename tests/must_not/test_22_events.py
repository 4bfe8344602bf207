"""Events grow without bound."""

from __future__ import annotations

import pytest

from stook import App, On
from stook.config.settings import read_settings
from stook.core.errors import ConfigError
from stook.engine.upkeep import upkeep
from stook.store.statement import All
from stook.testing import FakeClock
from stook.wiring.opened import open_own

DAY = 86_400


def kept(own):
    async def count():
        def verb():
            rows = yield All("read_emitted_since", ("default", "paid", 0, b"", 1000))
            return len(rows)

        return await own.session.store.read(verb)

    return own.portal.call(count())


@pytest.mark.parametrize("days", [None, 2], ids=["7 days", "as set"])
def test_events_are_kept_for_a_while_and_then_removed(either, days):
    clock = FakeClock()
    own = open_own(read_settings(url=either, event_retention_days=days), clock=clock)
    app = App("shop")
    app.task("t", triggers=On("paid"))(lambda payload: None)
    try:
        with app.using(own.session, own.portal):
            blobs = own.session.engine.blobs
            most = 0
            for _ in range(12):
                for number in range(5):
                    app.sync.emit("paid", number)
                clock.advance(DAY)
                own.portal.call(upkeep(own.session.store, blobs))
                most = max(most, kept(own))
            bound = 5 * ((days or 7) - 1)
            assert most == bound, "what came in the last days, and no more"
            clock.advance(30 * DAY)
            own.portal.call(upkeep(own.session.store, blobs))
            assert kept(own) == 0
    finally:
        own.close()


def test_a_condition_is_never_sql():
    for text in ("1 = 1; drop table stook.event", "exists (select 1)", "total > (select 1)", "a = pg_sleep(1)"):
        with pytest.raises(ConfigError):
            On("paid", when=text)
