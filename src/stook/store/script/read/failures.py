"""What went wrong in a batch: causes first, then the executions behind each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.store.script.batch_row import read_batch
from stook.store.statement import All

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["FailureGroup", "failure_groups"]


class FailureGroup(msgspec.Struct):
    """Failures with one cause. `failed` executions have ended so and were not retried since; `attempts` that failed so
    are counted for ever. `code`, `type` and `message` are those of the first."""

    fingerprint: str
    code: str
    type: str
    message: str
    failed: int
    attempts: int
    first_index: int
    first_at: int
    last_at: int


def failure_groups(batch_id: bytes, limit: int = 1000) -> Script[list[FailureGroup]]:
    """Most executions failed first, then most attempts."""
    yield from read_batch(batch_id)
    rows: list[Row] = yield All("read_failure_groups", (batch_id, limit))
    return [FailureGroup(*row) for row in rows]
