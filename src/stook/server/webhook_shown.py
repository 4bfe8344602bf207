"""Webhook endpoints and deliveries, as shapes of the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.wire.stamp import seconds, stamp
from stook.wire.webhook import (
    ShownWebhookEndpoint,
    WebhookAttempt,
    WebhookAuth,
    WebhookBreaker,
    WebhookDelivery,
    WebhookDeliveryDetail,
    WebhookEndpoint,
)

if TYPE_CHECKING:
    from stook.engine.webhook_views import AttemptView, Delivery, DeliveryDetail, Endpoint
    from stook.server.ports import SealedSecret

__all__ = ["delivery_detail_of", "delivery_of", "endpoint_of", "shown_endpoint_of"]


def endpoint_of(view: Endpoint) -> WebhookEndpoint:
    breaker = view.breaker
    return WebhookEndpoint(
        id=view.id,
        project=view.project,
        url=view.url,
        description=view.description,
        events=list(view.events),
        tasks=list(view.tasks),
        batches=view.batches,
        auth=WebhookAuth(kind=view.auth.kind, name=view.auth.name),
        schemes=list(view.schemes),
        max_concurrency=view.max_concurrency,
        status=view.status,
        reason=view.reason,
        breaker=WebhookBreaker(
            state=breaker.state,
            failures=breaker.failures,
            since=stamp(breaker.since),
            next_trial_at=stamp(breaker.next_trial_at),
        ),
        held_until=stamp(view.held_until),
        secret_hint=view.secret_hint,
        old_secret_until=stamp(view.old_secret_until),
        created_at=stamp(view.created_at),
        updated_at=stamp(view.updated_at),
    )


def shown_endpoint_of(view: Endpoint, secret: SealedSecret | None) -> ShownWebhookEndpoint:
    """None: it is not shown any more."""
    shown = endpoint_of(view)
    return ShownWebhookEndpoint(
        **{name: getattr(shown, name) for name in shown.__struct_fields__},
        secret=None if secret is None else secret.text,
        library_secret=None if secret is None else secret.library,
    )


def delivery_of(view: Delivery) -> WebhookDelivery:
    return WebhookDelivery(
        id=view.id,
        event_id=view.event_id,
        event=view.event,
        endpoint_id=view.endpoint_id,
        project=view.project,
        batch_id=view.public_batch_id,
        execution_id=view.public_execution_id,
        index=view.index,
        state=view.state,
        run=view.run,
        attempt=view.attempt,
        next_at=stamp(view.next_at),
        code=view.code,
        error=view.error,
        duration=seconds(view.duration),
        created_at=stamp(view.created_at),
        updated_at=stamp(view.updated_at),
    )


def delivery_detail_of(view: DeliveryDetail) -> WebhookDeliveryDetail:
    shown = delivery_of(view.delivery)
    return WebhookDeliveryDetail(
        **{name: getattr(shown, name) for name in shown.__struct_fields__},
        body=msgspec.Raw(view.body),
        history=[_attempt(one) for one in view.attempts],
    )


def _attempt(view: AttemptView) -> WebhookAttempt:
    return WebhookAttempt(
        run=view.run,
        attempt=view.attempt,
        at=stamp(view.at),
        headers=view.headers,
        code=view.code,
        error=view.error,
        duration=view.duration / 1_000_000,
        answer=view.answer.decode(errors="replace"),
    )
