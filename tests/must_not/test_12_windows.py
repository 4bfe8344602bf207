"""One Task's closed window decides for another, however many are closed."""

from __future__ import annotations

from datetime import UTC, timedelta

from stook import App
from stook.testing import TestApp


def around(t, hours):
    """A window that begins so many hours from now, and lasts for one."""
    begin = t.clock.now.astimezone(UTC) + timedelta(hours=hours)
    return (begin.strftime("%H:%M"), (begin + timedelta(hours=1)).strftime("%H:%M"))


def test_each_is_judged_by_its_own(either):
    app, ran = App("hours"), []
    with TestApp(app, store=either) as t:
        for n in range(25):
            app.task(f"closed{n}", window=around(t, 2 + n % 20))(ran.append).submit(f"closed{n}", priority=5)
        app.task("open", window=around(t, 0))(ran.append).submit("open")
        app.task("any")(ran.append).submit("any")
        t.drain()
        assert sorted(ran) == ["any", "open"]
        assert {one.attempts for one in t.executions() if not one.done} == {0}
        ran.clear()
        t.clock.advance(2.5 * 3600)
        t.drain()
        assert sorted(ran) == ["closed0", "closed20"]
