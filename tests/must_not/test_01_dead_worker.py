"""An Execution of a dead Worker stays locked beyond its lease."""

from __future__ import annotations

import time

from stook import App
from stook.core.work import Claim
from stook.testing import TestApp

LEASE = 60.0


def test_it_is_runnable_the_moment_its_lease_ends(either):
    app, ran = App("dead"), []
    with TestApp(app, store=either) as t:
        app.task("t")(ran.append).map(range(3))
        assert len(t.crash_worker(items=3, lease=LEASE)) == 3
        t.clock.advance(LEASE - 0.000001)
        t.drain()
        assert ran == []
        t.clock.advance(0.000001)
        t.drain()
        assert sorted(ran) == [0, 1, 2]
        assert {one.attempts for one in t.executions()} == {1}, "the loss costs no attempt"


def test_one_whose_cancel_was_asked_for_is_cancelled_then(either):
    app, ran = App("dead"), []
    with TestApp(app, store=either) as t:
        execution = app.task("t")(ran.append).submit(1)
        t.crash_worker(lease=LEASE)
        assert execution.cancel()
        assert execution.show().state == "running"
        t.clock.advance(LEASE)
        t.drain()
        assert (execution.show().state, ran) == ("cancelled", [])


def test_workers_that_run_find_it_by_themselves(either):
    """Within its lease and one poll interval, though its worker left nothing that tells of its end."""
    lease, poll = 0.4, 0.1
    with App("dead", store=either) as app:
        task = app.task("t")(lambda item: item)
        execution = task.submit(7)
        session, portal = app.opened()
        claim = Claim(worker="on another machine", tasks=["t"], items=1, idle=True, lease=lease)
        assert portal.call(session.new_source().claim(claim)).slices
        began = time.monotonic()
        made = app.orchestrator(workers=[app.worker(poll_interval=poll)]).sync
        made.start()
        try:
            assert execution.result(timeout=30) == 7
        finally:
            made.stop()
        assert lease - 0.1 < time.monotonic() - began < lease + poll + 2, "two seconds for a machine that is busy"
