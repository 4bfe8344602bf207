"""Two queue names collide after normalisation."""

from __future__ import annotations

from stook import App
from stook.store.script.daily import claim_days
from stook.testing import TestApp

NAMES = ["a-b", "a_b", "a.b", "A-B", "a-b ", "a–b", "ab", "a" * 128, "a" * 127]


def test_each_queue_is_paused_worked_and_maintained_for_itself(either):
    app, ran = App("names"), []
    with TestApp(app, store=either) as t:
        for name in NAMES:
            app.task(f"of {name}", queue=name)(ran.append).submit(name)
        for paused in NAMES[:4]:
            app.limit(queue=paused, paused=True)
        t.drain()
        assert sorted(ran) == sorted(NAMES[4:])
        ran.clear()
        app.limit(queue="a_b", paused=False)
        t.drain()
        assert ran == ["a_b"]
        assert [one.value for one in t.executions(queue="a_b")] == [None]
        session, portal = t.opened()
        t.clock.advance(2 * 86_400)
        assert portal.call(session.store.write(claim_days, ["a-b"])) == ["a-b"]
        assert portal.call(session.store.write(claim_days, NAMES)) == sorted(set(NAMES) - {"a-b"})


def test_a_worker_of_one_leaves_the_others_alone(either):
    ran = []
    with App("names", store=either) as app:
        for name in NAMES:
            app.task(f"of {name}", queue=name)(ran.append).submit(name)
        assert app.orchestrator(workers=[app.worker("a-b"), app.worker("ab")]).sync.drain()
        assert sorted(ran) == ["a-b", "ab"]
