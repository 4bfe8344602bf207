"""Webhook endpoints and deliveries of the wire, as the values that the engine gives."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, overload

from stook.core.ids import batch_of, parse_id
from stook.engine.webhook_views import (
    AttemptView,
    Auth,
    BreakerView,
    Delivery,
    DeliveryDetail,
    Endpoint,
)
from stook.wire.stamp import micros

if TYPE_CHECKING:
    from stook.wire.webhook import WebhookAttempt, WebhookDelivery, WebhookDeliveryDetail, WebhookEndpoint

__all__ = ["delivery_detail_view", "delivery_view", "endpoint_view"]


@overload
def _at(stamp: str) -> int: ...


@overload
def _at(stamp: str | None) -> int | None: ...


def _at(stamp: str | None) -> int | None:
    return None if stamp is None else micros(datetime.fromisoformat(stamp))


def endpoint_view(shown: WebhookEndpoint) -> Endpoint:
    breaker = shown.breaker
    return Endpoint(
        id=shown.id,
        project=shown.project,
        url=shown.url,
        description=shown.description,
        events=shown.events,
        tasks=shown.tasks,
        batches=shown.batches,
        auth=Auth(shown.auth.kind, shown.auth.name),
        schemes=shown.schemes,
        max_concurrency=shown.max_concurrency,
        status=shown.status,
        reason=shown.reason,
        breaker=BreakerView(breaker.state, breaker.failures, _at(breaker.since), _at(breaker.next_trial_at)),
        held_until=_at(shown.held_until),
        secret_hint=shown.secret_hint,
        old_secret_until=_at(shown.old_secret_until),
        created_at=_at(shown.created_at),
        updated_at=_at(shown.updated_at),
    )


def delivery_view(shown: WebhookDelivery) -> Delivery:
    return Delivery(
        id=shown.id,
        event_id=shown.event_id,
        event=shown.event,
        endpoint_id=shown.endpoint_id,
        project=shown.project,
        batch_id=None if shown.batch_id is None else batch_of(parse_id(shown.batch_id)),
        index=shown.index,
        state=shown.state,
        run=shown.run,
        attempt=shown.attempt,
        next_at=_at(shown.next_at),
        code=shown.code,
        error=shown.error,
        duration=None if shown.duration is None else round(shown.duration * 1_000_000),
        created_at=_at(shown.created_at),
        updated_at=_at(shown.updated_at),
    )


def delivery_detail_view(shown: WebhookDeliveryDetail) -> DeliveryDetail:
    attempts = [_attempt(one) for one in shown.history]
    return DeliveryDetail(delivery_view(shown), bytes(shown.body), attempts)


def _attempt(shown: WebhookAttempt) -> AttemptView:
    return AttemptView(
        run=shown.run,
        attempt=shown.attempt,
        at=_at(shown.at),
        headers=shown.headers,
        code=shown.code,
        error=shown.error,
        duration=round(shown.duration * 1_000_000),
        answer=shown.answer.encode(),
    )
