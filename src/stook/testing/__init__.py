"""For tests of code that uses stook: a store of their own, a clock that moves on command, workers that die on command.

    with Harness(app) as harness:
        batch = enrich.map(rows)
        harness.run_until_idle()          # everything runnable now, and what follows from it
        harness.clock.advance(15)         # a retry is due
        harness.run_until_idle()
        assert batch.show().counters.succeeded == len(rows)

`TestApp` is a harness of all the app's queues that also moves the clock by itself; `make_context` makes contexts for
handlers that a test calls itself. No test sleeps, and none needs a server.
"""

from __future__ import annotations

from stook.testing.clock import FakeClock
from stook.testing.contexts import RehearsedContext, RehearsedSyncContext, make_batch_context, make_context
from stook.testing.harness import Harness
from stook.testing.rehearsal import Rehearsal
from stook.testing.test_app import TestApp

__all__ = [
    "FakeClock",
    "Harness",
    "Rehearsal",
    "RehearsedContext",
    "RehearsedSyncContext",
    "TestApp",
    "make_batch_context",
    "make_context",
]
