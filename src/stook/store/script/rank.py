"""Start-time fair queuing: where new segments stand among those already waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.store.statement import All

if TYPE_CHECKING:
    from stook.store.statement import Script

__all__ = ["virtual_time"]


def virtual_time(project: str) -> Script[int]:
    """The rank served next in the project: a batch that arrives now starts there, however long the queue behind it."""
    rows = yield All("virtual_time", (project,))
    return rows[0][0] or 0 if rows else 0
