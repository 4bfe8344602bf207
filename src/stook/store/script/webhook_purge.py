"""What webhooks leave behind is kept for a while, then removed in bites."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.store.statement import All, Many, Now

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["purge_carriers", "purge_events"]


def purge_events(age: int, limit: int = 500) -> Script[int]:
    """Events older than `age` microseconds of which no delivery waits, with their deliveries and attempts; how many."""
    now: int = yield Now()
    rows: list[Row] = yield All("old_webhook_events", (now - age, limit))
    if rows:
        ids = [(event_id,) for (event_id,) in rows]
        yield Many("purge_webhook_attempts", ids)
        yield Many("purge_webhook_deliveries", ids)
        yield Many("purge_webhook_events", ids)
    return len(rows)


def purge_carriers(age: int, limit: int = 100) -> Script[int]:
    """Hidden batches that ended longer ago, whole: what they carried is in the deliveries. How many."""
    now: int = yield Now()
    rows: list[Row] = yield All("old_carriers", (now - age, limit))
    if rows:
        ids = [(batch_id,) for (batch_id,) in rows]
        for table in ("outcome", "chunk", "state", "failure", "failure_group", "batch"):
            yield Many(f"drop_carrier_{table}", ids)
    return len(rows)
