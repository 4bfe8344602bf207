"""`stook webhooks deliveries`, `stook webhooks delivery`."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, Json, Reach
from stook.cli.webhook_options import DeliveryStateWord

if TYPE_CHECKING:
    from stook.client.webhooks import AsyncWebhooks, Delivery

__all__ = ["deliveries", "delivery"]


def deliveries(
    *,
    endpoint: Annotated[str | None, Parameter(help="Only those to this endpoint.")] = None,
    event: Annotated[str | None, Parameter(help="Only those of this event: its id, or a name of events.")] = None,
    batch: Annotated[str | None, Parameter(help="Only those about this batch and its executions, by id.")] = None,
    execution: Annotated[str | None, Parameter(help="Only those about this execution, by id.")] = None,
    state: Annotated[DeliveryStateWord | None, Parameter(help="Only those in this state.")] = None,
    since: Annotated[datetime | None, Parameter(help="Only those since (local time, where it says no zone).")] = None,
    limit: Annotated[int, Parameter(help="How many at most.")] = 20,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """List what was sent, newest first."""
    from stook.cli.documents import print_document
    from stook.cli.tables import console_for
    from stook.cli.webhook_documents import delivery_document
    from stook.cli.webhook_reach import in_webhooks
    from stook.cli.webhook_tables import delivery_table
    from stook.core.errors import OptionError

    if limit < 1:
        raise OptionError(f"--limit {limit} is less than 1")
    if batch is not None and execution is not None:
        raise OptionError("--batch and --execution exclude each other", hint="an execution's id says its batch")
    from_ = None if since is None else since.astimezone()

    async def read(webhooks: AsyncWebhooks) -> list[Delivery]:
        found: list[Delivery] = []
        pages = webhooks.delivery_pages(
            limit=min(limit + 1, 1000),
            endpoint=endpoint,
            event=event,
            batch=batch,
            execution=execution,
            state=state,
            since=from_,
        )
        async for page in pages:
            found += page
            if len(found) > limit:
                break
        return found

    found = in_webhooks(where, read)
    if as_json:
        for view in found[:limit]:
            print_document(delivery_document(view))
        return 0
    if not found:
        print("no such deliveries" if (endpoint or event or batch or execution or state or since) else "no deliveries")
        return 0
    console = console_for(sys.stdout)
    console.print(delivery_table(found[:limit]))
    if len(found) > limit:
        console.print(f"\nand older ones: --limit {limit * 5}")
    return 0


def delivery(
    delivery: Annotated[str, Parameter(help="The delivery's id.")],
    /,
    *,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Show one delivery: what was sent, and what came back.

    Each attempt with the headers of its request, secrets masked, and the
    beginning of the answer.
    """
    from stook.cli.documents import print_document
    from stook.cli.webhook_documents import detail_document
    from stook.cli.webhook_reach import in_webhooks
    from stook.cli.webhook_tables import draw_detail

    found = in_webhooks(where, lambda webhooks: webhooks.delivery(delivery))
    print_document(detail_document(found)) if as_json else draw_detail(found)
    return 0
