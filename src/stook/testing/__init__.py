"""For tests of code that uses stook: a store of their own, a clock that moves on command, workers that die on command.

    with Harness(app) as harness:
        batch = enrich.map(rows)
        harness.run_until_idle()          # everything runnable now, and what follows from it
        harness.clock.advance(15)         # a retry is due
        harness.run_until_idle()
        assert batch.show().counters.succeeded == len(rows)

No test sleeps, and none needs a server.
"""

from __future__ import annotations

from stook.testing.clock import FakeClock
from stook.testing.harness import Harness

__all__ = ["FakeClock", "Harness"]
