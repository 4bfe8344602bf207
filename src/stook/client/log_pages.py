"""Everything that an execution has said, page after page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stook.client.backend import Backend
    from stook.store.script.read.logs import LogEntry

__all__ = ["all_logs"]


async def all_logs(backend: Backend, batch_id: bytes, index: int, attempt: int | None) -> list[LogEntry]:
    found: list[LogEntry] = []
    after = None
    while True:
        page = await backend.logs(batch_id, index, attempt=attempt, after=after)
        found += page.lines
        after = page.next
        if after is None:
            return found
