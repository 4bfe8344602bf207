"""What a store has at the moment, for those who watch it: read off batches, leases and the front of each queue, never
off items."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stook.core.webhook_events import INTERNAL_PROJECT
from stook.store.statement import All, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["LeaseFigures", "LiveFigures", "ReadyFigures", "StoreFigures", "read_figures"]

ALIVE = 30_000_000
"""Microseconds since its last sign of life for which a worker counts: three of them."""


class LiveFigures(NamedTuple):
    """Columns of `live_figures.sql`: batches of one phase that have not ended, and their items."""

    project: str
    queue: str
    phase: str
    batches: int
    total: int
    succeeded: int
    failed: int
    cancelled: int
    expired: int
    scheduled: int
    suspended: int


class LeaseFigures(NamedTuple):
    project: str
    queue: str
    leases: int
    running: int


class ReadyFigures(NamedTuple):
    """What is next in line of one task."""

    project: str
    queue: str
    ready_at: int | None


class StoreFigures(NamedTuple):
    now: int
    live: Sequence[LiveFigures]
    leases: Sequence[LeaseFigures]
    ready: Sequence[ReadyFigures]
    workers: int


def read_figures() -> Script[StoreFigures]:
    """Costs a row per live batch and per lease, and a few steps of an index per task with ready work. Nothing of it
    grows with the items."""
    now: int = yield Now()
    live: list[Row] = yield All("live_figures")
    leases: list[Row] = yield All("lease_figures")
    ready: list[Row] = yield All("ready_figures")
    workers: list[Row] = yield All("count_workers", (now - ALIVE,))
    return StoreFigures(
        now,
        [LiveFigures(*row) for row in _of_users(live)],
        [LeaseFigures(*row) for row in _of_users(leases)],
        [ReadyFigures(*row) for row in _of_users(ready)],
        workers[0][0],
    )


def _of_users(rows: Sequence[Row]) -> list[Row]:
    """Without what carries deliveries of webhooks."""
    return [row for row in rows if not row[0].startswith(INTERNAL_PROJECT)]
