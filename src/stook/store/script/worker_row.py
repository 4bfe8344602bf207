"""Which workers there are: for `why`, and to take back at once what a dead process of this machine holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.store.statement import All, Many, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["forget_worker", "list_workers", "see_worker"]


def see_worker(worker: str, host: str, process: str, tasks: str, project: str | None = None) -> Script[None]:
    """`process` tells a live process from a later one with its pid; `tasks` is a JSON array of names. `project`: it
    takes the work of that one alone."""
    now: int = yield Now()
    yield Many("upsert_worker", [(worker, host, process, tasks, now, now, project)])


def forget_worker(worker: str) -> Script[None]:
    yield Many("delete_worker", [(worker,)])


def list_workers() -> Script[Sequence[Row]]:
    """(id, host, process, tasks, started_at, seen_at)."""
    rows: list[Row] = yield All("workers")
    return [row[:6] for row in rows]
