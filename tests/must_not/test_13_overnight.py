"""An overnight window never opens."""

from __future__ import annotations

import pytest

from stook import App
from stook.testing import TestApp

HOUR = 3600.0
DAY = 24 * HOUR


def to(t, hour):
    """The next time it is so late, in UTC."""
    now = t.clock.now.timestamp()
    t.clock.advance((hour * HOUR - now) % DAY)


@pytest.mark.parametrize("hour", [22.0, 23.5, 0.0, 3.0, 5.999])
def test_it_is_open_before_and_after_midnight(either, hour):
    app, ran = App("night"), []
    with TestApp(app, store=either) as t:
        to(t, 12)
        app.task("t", window=("22:00", "06:00"))(ran.append).submit(1)
        t.drain()
        assert ran == []
        to(t, hour)
        t.drain()
        assert ran == [1]


@pytest.mark.parametrize("hour", [6.0, 12.0, 21.999])
def test_it_is_closed_by_day(either, hour):
    app, ran = App("night"), []
    with TestApp(app, store=either) as t:
        to(t, hour)
        app.task("t", window=("22:00", "06:00"))(ran.append).submit(1)
        t.drain()
        assert ran == []
