"""What was sent, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import NotFound
from stook.store.script.read.limit import check_limit
from stook.store.script.webhook_delivery import DeliveryRow
from stook.store.statement import All

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["Asked", "delivery_attempts", "list_deliveries"]


class Asked(msgspec.Struct, kw_only=True, frozen=True):
    endpoint: str | None = None
    event_id: str | None = None
    name: str | None = None
    batch_id: bytes | None = None
    index: int | None = None
    state: str | None = None
    since: int | None = None


def list_deliveries(project: str, asked: Asked, after: str | None, limit: int) -> Script[list[DeliveryRow]]:
    """The newest first, behind the id of the last one seen. What narrows most decides which index answers."""
    check_limit(limit)
    since = max(0, asked.since or 0)
    first = f"dlv_{since // 1000:012x}"
    rest = (asked.endpoint, asked.event_id, asked.name, asked.index, asked.state)
    params = (project, "dlv_~" if after is None else after, first, *rest, limit, since)
    if asked.event_id is not None:
        rows: list[Row] = yield All("list_webhook_deliveries_of_event", (asked.event_id, *params))
    elif asked.batch_id is not None:
        rows = yield All("list_webhook_deliveries_of_batch", (asked.batch_id, *params))
    elif asked.endpoint is not None:
        rows = yield All("list_webhook_deliveries_of_endpoint", (asked.endpoint, *params))
    else:
        rows = yield All("list_webhook_deliveries_of_project", (project, *params))
    return [DeliveryRow(*row) for row in rows]


def delivery_attempts(project: str, delivery_id: str) -> Script[tuple[DeliveryRow, bytes, Sequence[Row]]]:
    """The delivery, its event's body and the columns of `read_webhook_attempts.sql`."""
    rows: list[Row] = yield All("read_webhook_delivery", (delivery_id, project))
    bodies: list[Row] = (yield All("read_webhook_body", (rows[0][1],))) if rows else []
    if not bodies:
        raise NotFound(f"no such webhook delivery: {delivery_id}", hint="deliveries are kept for 30 days by default")
    attempts: list[Row] = yield All("read_webhook_attempts", (delivery_id,))
    return DeliveryRow(*rows[0]), bodies[0][0], attempts
