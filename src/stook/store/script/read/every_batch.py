"""Every batch of a project, those of single submissions included: for tests, which have few."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.store.statement import All

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["every_batch"]


def every_batch(project: str) -> Script[Sequence[Row]]:
    """(id, task, queue), in the order they were created."""
    rows: list[Row] = yield All("every_batch", (project,))
    return rows
