"""Keeps leases alive from a thread of its own, so that a handler that blocks the event loop keeps its lease.

    every half second, or a quarter of the lease if that is less ── renew(all tokens) ──▶ lost tokens, cancellations
                                                        no answer until a lease is over ──▶ that slice is lost
"""

from __future__ import annotations

import logging
import threading
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from stook.worker.source import Renewed

if TYPE_CHECKING:
    from collections.abc import Callable

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
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stook renewal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """No renewal begins after this; one under way is not waited for."""
        self._ended.set()

    def _run(self) -> None:
        every = min(CANCELLATIONS, self._lease / 4)
        while not self._ended.wait(every):
            held = self._live.all()
            if held:
                self._renew()

    def _renew(self) -> None:
        asked = self._live.all()
        at = perf_counter_ns()
        try:
            renewed = self._source.renew(self._worker, [held.piece.token for held in asked], self._lease)
        except Exception as error:  # noqa: BLE001 -- tried again in a moment; what it means is decided by the lease
            logger.warning("could not renew %d leases: %s", len(asked), error)
            now = perf_counter_ns()
            renewed = Renewed([held.piece.token for held in asked if held.expires <= now], [])
        else:
            gone = set(renewed.lost)
            for held in asked:
                if held.piece.token not in gone:
                    held.expires = at + round(self._lease * 1e9)
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
