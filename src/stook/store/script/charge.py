"""What is submitted counts against the project's quotas.

Lock order: the batch, its dedupe keys, then the project's row; behind it things are only inserted. A project that
limits nothing costs one look at its row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.errors import QuotaExceeded
from stook.core.quota_check import admit
from stook.store.script.payload_size import blob_bytes, share_of
from stook.store.script.project import ProjectRow, fold, save_project
from stook.store.statement import All, Many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.chunk import Chunk
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["charge"]


def charge(batch: BatchRow, chunks: Sequence[Chunk], now: int) -> Script[None]:
    """`QuotaExceeded` when these do not fit; then nothing has happened that a verb which goes on would have to take
    back. The caller adds them to the batch, whose row it holds."""
    rows: list[Row] = yield All("lock_charged_project", (batch.project,))
    if not rows:
        return
    project = ProjectRow(*rows[0])
    items, size = sum(chunk.count for chunk in chunks), 0
    if project.counted:
        yield from fold(project)
        size = sum(len(chunk.payloads) + blob_bytes(chunk.payloads, chunk.starts, chunk.blobs) for chunk in chunks)
    try:
        usage = admit(batch.project, project.quota(), project.usage(), items=items, size=size, now=now)
    except QuotaExceeded:
        if project.counted:
            yield from save_project(project)  # a verb that goes on keeps what was folded, whose changes are gone
        raise
    project.tokens, project.tokens_at = usage.tokens, usage.tokens_at
    if project.counted:
        project.queued_items = usage.items
        project.queued_bytes += yield from _grow(batch, items, size)
    yield from save_project(project)


def _grow(batch: BatchRow, items: int, size: int) -> Script[int]:
    """By how much the share of the batch's bytes grows that has not ended."""
    sizes: list[Row] = (yield All("read_batch_size", (batch.id,))) if batch.total else []
    before = sizes[0][0] if sizes else 0
    yield Many("upsert_batch_size", [(batch.id, batch.project, size)])
    left, total = batch.total - batch.terminal, batch.total
    return share_of(before + size, left + items, total + items) - share_of(before, left, total)
