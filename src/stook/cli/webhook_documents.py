"""Webhook endpoints and deliveries, as `--json` prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from stook.client.webhook_backend import ShownEndpoint
    from stook.engine.webhook_views import AttemptView, Delivery, DeliveryDetail, Endpoint

__all__ = ["delivery_document", "detail_document", "endpoint_document", "shown_document"]


def endpoint_document(view: Endpoint) -> dict[str, Any]:
    return {
        "id": view.id,
        "project": view.project,
        "url": view.url,
        "description": view.description,
        "events": list(view.events),
        "tasks": list(view.tasks),
        "batches": view.batches,
        "auth": msgspec.structs.asdict(view.auth),
        "schemes": list(view.schemes),
        "max_concurrency": view.max_concurrency,
        "status": view.status,
        "reason": view.reason,
        "breaker": msgspec.structs.asdict(view.breaker),
        "held_until": view.held_until,
        "secret_hint": view.secret_hint,
        "old_secret_until": view.old_secret_until,
        "created_at": view.created_at,
        "updated_at": view.updated_at,
    }


def shown_document(view: ShownEndpoint) -> dict[str, Any]:
    return endpoint_document(view) | {"secret": view.secret, "library_secret": view.library_secret}


def delivery_document(view: Delivery) -> dict[str, Any]:
    return {
        "id": view.id,
        "event_id": view.event_id,
        "event": view.event,
        "endpoint_id": view.endpoint_id,
        "batch_id": view.public_batch_id,
        "execution_id": view.public_execution_id,
        "index": view.index,
        "state": view.state,
        "run": view.run,
        "attempt": view.attempt,
        "next_at": view.next_at,
        "code": view.code,
        "error": view.error,
        "duration": None if view.duration is None else view.duration / 1_000_000,
        "created_at": view.created_at,
        "updated_at": view.updated_at,
    }


def detail_document(view: DeliveryDetail) -> dict[str, Any]:
    body = {"body": msgspec.Raw(view.body), "attempts_made": [_attempt(one) for one in view.attempts]}
    return delivery_document(view.delivery) | body


def _attempt(view: AttemptView) -> dict[str, Any]:
    return {
        "run": view.run,
        "attempt": view.attempt,
        "at": view.at,
        "headers": view.headers,
        "code": view.code,
        "error": view.error,
        "duration": view.duration / 1_000_000,
        "answer": view.answer.decode(errors="replace"),
    }
