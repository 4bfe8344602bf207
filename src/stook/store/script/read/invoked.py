"""What the store knows of single executions beside their batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.store.statement import All, Each

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["invoked_batches", "read_holders", "read_own"]


def read_own(batch_id: bytes, index: int) -> Script[tuple[str | None, int, str | None]]:
    """The extras of its chunk as JSON, the chunk's first index, and the dedupe key that it holds. It is there."""
    found: list[Row] = yield Each("find_chunk", [(batch_id, index)])
    first: int = found[0][1]
    extras: list[Row] = yield Each("read_chunk_extras", [(batch_id, first)])
    keys: list[Row] = yield Each("read_dedupe_keys", [(batch_id, index)])
    return extras[0][2], first, keys[0][2] if keys else None


def read_holders(project: str, task: str | None, key: str) -> Script[list[tuple[bytes, int]]]:
    """Who holds a dedupe key, of one task or of each (which looks at all keys of the project), those that rest among
    them; by id."""
    if task is not None:
        found: list[Row] = yield Each("look_dedupe", [(project, task, key)])
        return [(row[2], row[3]) for row in found]
    rows: list[Row] = yield All("find_dedupe_holders", (project, key))
    return [(row[0], row[1]) for row in rows]


def invoked_batches(
    project: str, task: str | None, queue: str | None, *, live: bool, begin: bytes, limit: int
) -> Script[list[bytes]]:
    """Ids from `begin` on, single submissions' too; with `live` only of those that have not ended."""
    rows: list[Row] = yield All("list_invoked_batches", (project, begin, task, queue, int(live), limit))
    return [row[0] for row in rows]
