"""Every call about webhooks, each described once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from stook.client.calls import new_key
from stook.client.exact import reader
from stook.client.request import Request
from stook.wire.webhook import (
    DisableWebhookEndpoint,
    ReplayedWebhooks,
    ShownWebhookEndpoint,
    WebhookDelivery,
    WebhookDeliveryDetail,
    WebhookDeliveryPage,
    WebhookEndpoint,
    WebhookEndpointPage,
    WebhookTested,
)

if TYPE_CHECKING:
    from stook.wire.webhook import (
        ChangeWebhookEndpoint,
        NewWebhookEndpoint,
        ReplayWebhooks,
        RotateWebhookSecret,
        WebhookDeliveryQuery,
    )

__all__ = [
    "change",
    "create",
    "delete",
    "deliveries",
    "delivery",
    "disable",
    "enable",
    "endpoint",
    "endpoints",
    "replay",
    "replay_delivery",
    "rotate",
    "test",
]

_JSON: Final = (b"content-type", b"application/json")
_ENDPOINTS: Final = "/webhook-endpoints"
_DELIVERIES: Final = "/webhook-deliveries"


def _path(base: str, name: str, what: str = "") -> str:
    return f"{base}/{quote(name, safe='')}{what}"


def _post(path: str, read: Any, body: msgspec.Struct | None = None) -> Request[Any]:
    content = b"" if body is None else msgspec.json.encode(body)
    headers = (_JSON, (b"idempotency-key", new_key().encode()))
    return Request(method="POST", path=path, read=read, body=content, headers=headers)


def _query(given: msgspec.Struct) -> tuple[tuple[str, str], ...]:
    found = msgspec.to_builtins(given)
    return tuple((name, str(value)) for name, value in found.items() if value is not None)


def create(body: NewWebhookEndpoint) -> Request[ShownWebhookEndpoint]:
    return _post(_ENDPOINTS, reader(ShownWebhookEndpoint), body)


def endpoints(after: str | None, limit: int) -> Request[WebhookEndpointPage]:
    query = (("limit", str(limit)), *(() if after is None else (("after", after),)))
    return Request(method="GET", path=_ENDPOINTS, read=reader(WebhookEndpointPage), query=query)


def endpoint(endpoint_id: str) -> Request[WebhookEndpoint]:
    return Request(method="GET", path=_path(_ENDPOINTS, endpoint_id), read=reader(WebhookEndpoint))


def change(endpoint_id: str, body: ChangeWebhookEndpoint) -> Request[WebhookEndpoint]:
    return Request(
        method="PATCH",
        path=_path(_ENDPOINTS, endpoint_id),
        read=reader(WebhookEndpoint),
        body=msgspec.json.encode(body),
        headers=(_JSON,),
    )


def delete(endpoint_id: str) -> Request[None]:
    return Request(method="DELETE", path=_path(_ENDPOINTS, endpoint_id), read=lambda _: None)


def rotate(endpoint_id: str, body: RotateWebhookSecret) -> Request[ShownWebhookEndpoint]:
    return _post(_path(_ENDPOINTS, endpoint_id, "/rotate-secret"), reader(ShownWebhookEndpoint), body)


def test(endpoint_id: str) -> Request[WebhookTested]:
    return _post(_path(_ENDPOINTS, endpoint_id, "/test"), reader(WebhookTested))


def enable(endpoint_id: str) -> Request[WebhookEndpoint]:
    return _post(_path(_ENDPOINTS, endpoint_id, "/enable"), reader(WebhookEndpoint))


def disable(endpoint_id: str, reason: str) -> Request[WebhookEndpoint]:
    body = DisableWebhookEndpoint(reason=reason)
    return _post(_path(_ENDPOINTS, endpoint_id, "/disable"), reader(WebhookEndpoint), body)


def replay(endpoint_id: str, body: ReplayWebhooks) -> Request[ReplayedWebhooks]:
    return _post(_path(_ENDPOINTS, endpoint_id, "/replay"), reader(ReplayedWebhooks), body)


def deliveries(query: WebhookDeliveryQuery) -> Request[WebhookDeliveryPage]:
    return Request(method="GET", path=_DELIVERIES, read=reader(WebhookDeliveryPage), query=_query(query))


def delivery(delivery_id: str) -> Request[WebhookDeliveryDetail]:
    return Request(method="GET", path=_path(_DELIVERIES, delivery_id), read=reader(WebhookDeliveryDetail))


def replay_delivery(delivery_id: str) -> Request[WebhookDelivery]:
    return _post(_path(_DELIVERIES, delivery_id, "/replay"), reader(WebhookDelivery))
