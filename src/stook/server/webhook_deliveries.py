"""The log of what was sent to webhook endpoints, and sending one of it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.ids import batch_of, index_of, parse_id
from stook.server.call import answer
from stook.server.refusal import Refusal
from stook.server.route import Route
from stook.server.webhook_shown import delivery_detail_of, delivery_of
from stook.wire.stamp import micros
from stook.wire.webhook import WebhookDelivery, WebhookDeliveryDetail, WebhookDeliveryPage, WebhookDeliveryQuery

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.server.call import Call

__all__ = ["ROUTES"]


async def list_deliveries(call: Call) -> Response:
    query = call.query(WebhookDeliveryQuery)
    batch, index = _whose(query)
    found, after = await call.tenant.webhooks.deliveries(
        endpoint=query.endpoint,
        event=query.event,
        batch=batch,
        index=index,
        state=query.state,
        since=None if query.since is None else micros(query.since),
        after=query.after,
        limit=query.limit,
    )
    return answer(WebhookDeliveryPage([delivery_of(one) for one in found], after))


def _whose(query: WebhookDeliveryQuery) -> tuple[bytes | None, int | None]:
    if query.execution is not None:
        if query.batch is not None:
            raise Refusal(
                400,
                "option_error",
                "query: give batch or execution, not both",
                hint="its id says the batch",
                field="batch",
            )
        raw = parse_id(query.execution)
        return batch_of(raw), index_of(raw)
    return None if query.batch is None else batch_of(parse_id(query.batch)), None


async def show_delivery(call: Call) -> Response:
    return answer(delivery_detail_of(await call.tenant.webhooks.delivery(call.path("delivery"))))


async def replay_delivery(call: Call) -> Response:
    """The same event and body, on a schedule from its beginning."""
    delivery_id = call.path("delivery")
    by = call.recording("replay webhooks", None, f"webhook delivery {delivery_id}"[:500])
    await call.tenant.webhooks.replay_one(delivery_id, by=by)
    return answer(delivery_of((await call.tenant.webhooks.delivery(delivery_id)).delivery), 202)


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/webhook-deliveries",
        name="list_webhook_deliveries",
        scope="read",
        handler=list_deliveries,
        summary="What was sent to webhook endpoints, newest first",
        query=WebhookDeliveryQuery,
        answers=((200, WebhookDeliveryPage),),
    ),
    Route(
        method="GET",
        path="/api/v1/webhook-deliveries/{delivery}",
        name="show_webhook_delivery",
        scope="read",
        handler=show_delivery,
        summary="One delivery: its body, and every attempt with request and answer",
        answers=((200, WebhookDeliveryDetail),),
    ),
    Route(
        method="POST",
        path="/api/v1/webhook-deliveries/{delivery}/replay",
        name="replay_webhook_delivery",
        scope="operate",
        handler=replay_delivery,
        summary="Send one again",
        answers=((202, WebhookDelivery),),
        once=True,
    ),
]
