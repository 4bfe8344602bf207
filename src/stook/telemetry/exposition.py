"""Figures of one process, as Prometheus reads them: a registry of its own, so that nothing is shared by accident."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest

from stook.core.errors import StoreError
from stook.store.script.read.figures import read_figures
from stook.telemetry.distribution import LATENCIES
from stook.telemetry.http_figures import HttpFigures
from stook.telemetry.loop_lag import LoopLag
from stook.telemetry.store_figures import store_families
from stook.telemetry.worker_figures import WorkerFigures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from stook.store.port import Store
    from stook.store.script.read.figures import StoreFigures

__all__ = ["MEDIA_TYPE", "ServerFigures", "WorkerExposition"]

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
GOOD_FOR: Final = 5.0
"""Seconds: however many scrape, the store is asked no more often."""
PATIENCE: Final = 5.0
"""Seconds that the store has to answer a scrape."""


class _Registry(CollectorRegistry):
    def collect(self) -> Iterator[Metric]:
        """Without when each series began, which nobody asked for and which doubles what is read."""
        for metric in super().collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class WorkerExposition:
    """Of a process that only works."""

    def __init__(self) -> None:
        self._registry = _Registry()
        self.lag = LoopLag(self._registry)
        self.workers = WorkerFigures(self.lag)
        self._registry.register(self.workers)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """From any thread."""
        return generate_latest(self._registry)


class ServerFigures(WorkerExposition):
    """Of a process that serves, and may work too."""

    def __init__(self) -> None:
        super().__init__()
        self.http = HttpFigures(self._registry)
        self._found: StoreFigures | None = None
        self._read_at = -GOOD_FOR
        self._reading: asyncio.Task[None] | None = None
        self._registry.register(_Store(self))
        self._writes = Histogram(
            "stook_store_write_seconds",
            "How long it took until a change was durable, by the verb of the store.",
            ("verb",),
            buckets=LATENCIES,
            registry=self._registry,
        )

    @property
    def store(self) -> StoreFigures | None:
        """As of the last look."""
        return self._found

    def wrote(self, verb: str, seconds: float) -> None:
        self._writes.labels(verb).observe(seconds)

    async def scraped(self, store: Store) -> bytes:
        """With what the store had within the last five seconds. Scrapes at the same time are one look."""
        if self._reading is None and monotonic() - self._read_at >= GOOD_FOR:
            self._reading = asyncio.create_task(self._read(store), name="stook-figures")
        if self._reading is not None:
            await asyncio.shield(self._reading)
        return self.text()

    async def _read(self, store: Store) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                self._found = await store.read(read_figures)
        except (StoreError, TimeoutError):
            self._found = None
        finally:
            self._read_at, self._reading = monotonic(), None


class _Store:
    def __init__(self, figures: ServerFigures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        return store_families(self._figures.store)

    def describe(self) -> Iterator[Metric]:
        return store_families(None)
