"""Keeps leases alive from a thread of its own, so that a handler that blocks the event loop keeps its lease.

    every quarter of the lease ──▶ renew        every half second between ──▶ look for cancellations (renew for 0 s)

Without an answer until a lease is over, its slice counts as lost.
"""

from __future__ import annotations

import logging
import threading
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from stook.worker.source import Renewed

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.worker.held import Held
    from stook.worker.live import Live
    from stook.worker.outbox import Outbox
    from stook.worker.source import Source

__all__ = ["Renewal"]

logger = logging.getLogger("stook.worker")

CANCELLATIONS: Final = 0.5
"""Seconds between two looks for cancellations, while there is work in flight."""


class Renewal:
    """`apply(renewed)` is called on the loop with what changed."""

    def __init__(
        self, source: Source, live: Live, *, worker: str, lease: float, outbox: Outbox, apply: Callable[[Renewed], None]
    ) -> None:
        self._source = source
        self._live = live
        self._worker = worker
        self._lease = lease
        self._outbox = outbox
        self._apply = apply
        self._failing = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stook renewal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """No renewal begins after this; one under way is not waited for."""
        self._ended.set()

    def _run(self) -> None:
        quarter = round(self._lease / 4 * 1e9)
        renewed_at = perf_counter_ns()
        while not self._ended.wait(min(CANCELLATIONS, self._lease / 4)):
            asked = self._live.all()
            now = perf_counter_ns()
            # A slice claimed since has its whole lease before it: only what was held then gets older than a quarter.
            due = now - renewed_at >= quarter * 9 // 10
            if due:
                renewed_at = now
            if asked:
                self._renew(asked, self._lease if due else 0.0)

    def _renew(self, asked: list[Held], lease: float) -> None:
        at = perf_counter_ns()
        try:
            renewed = self._source.renew(self._worker, [held.piece.token for held in asked], lease)
        except Exception as error:  # noqa: BLE001 -- tried again in a moment; what it means is decided by the lease
            if not self._failing:
                logger.warning("cannot renew %d leases, trying on: %s", len(asked), error)
            self._failing = True
            now = perf_counter_ns()
            renewed = Renewed([held.piece.token for held in asked if held.expires <= now], [])
        else:
            if self._failing:
                logger.warning("leases are renewed again")
            self._failing = False
            gone = set(renewed.lost)
            for held in asked if lease else ():
                if held.piece.token not in gone:
                    held.expires = at + round(lease * 1e9)
        if renewed.lost or renewed.cancelled:
            self._signal(renewed)
        self._outbox.post(self._apply, renewed)

    def _signal(self, renewed: Renewed) -> None:
        """Sets the signals at once, whatever the loop is doing; the rest is the loop's."""
        for token in renewed.lost:
            held = self._live.get(token)
            if held is not None:
                for signal in list(held.signals.values()):
                    signal.set("lease_lost")
        for token, offsets in renewed.cancelled:
            held = self._live.get(token)
            if held is not None:
                for offset, signal in list(held.signals.items()):
                    if offsets is None or offset in offsets:
                        signal.set("cancelled")
