"""Webhooks of a server: every method is one call of the API."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Final

import msgspec

from stook.client import webhook_calls as calls
from stook.client.webhook_backend import with_secret
from stook.client.webhook_shapes import delivery_detail_view, delivery_view, endpoint_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.client.connection import Connection
    from stook.client.webhook_backend import ShownEndpoint
    from stook.engine.webhook_views import Delivery, DeliveryDetail, Endpoint
    from stook.wire.webhook import (
        ChangeWebhookEndpoint,
        NewWebhookEndpoint,
        ReplayWebhooks,
        RotateWebhookSecret,
        ShownWebhookEndpoint,
        WebhookDeliveryQuery,
    )

__all__ = ["RemoteWebhooks"]

_PREFIX: Final = "whsec_"
_BYTES: Final = 32


class RemoteWebhooks:
    """Implements `WebhookBackend`. Secrets that nobody chose are made here: the server shows one in its first answer
    alone, and that answer may be lost."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(self, wanted: NewWebhookEndpoint) -> ShownEndpoint:
        secret = wanted.secret or _new_secret()
        request = calls.create(msgspec.structs.replace(wanted, secret=secret))
        return _shown(await self._connection.send(request), secret)

    async def endpoints(self, after: str | None, limit: int) -> tuple[Sequence[Endpoint], str | None]:
        page = await self._connection.send(calls.endpoints(after, limit))
        return [endpoint_view(one) for one in page.data], page.next

    async def get(self, endpoint_id: str) -> Endpoint:
        return endpoint_view(await self._connection.send(calls.endpoint(endpoint_id)))

    async def update(self, endpoint_id: str, wanted: ChangeWebhookEndpoint) -> Endpoint:
        return endpoint_view(await self._connection.send(calls.change(endpoint_id, wanted)))

    async def delete(self, endpoint_id: str) -> None:
        await self._connection.send(calls.delete(endpoint_id))

    async def rotate(self, endpoint_id: str, wanted: RotateWebhookSecret) -> ShownEndpoint:
        secret = wanted.secret or _new_secret()
        request = calls.rotate(endpoint_id, msgspec.structs.replace(wanted, secret=secret))
        return _shown(await self._connection.send(request), secret)

    async def test(self, endpoint_id: str) -> str:
        return (await self._connection.send(calls.test(endpoint_id))).delivery_id

    async def enable(self, endpoint_id: str) -> Endpoint:
        return endpoint_view(await self._connection.send(calls.enable(endpoint_id)))

    async def disable(self, endpoint_id: str, reason: str) -> Endpoint:
        return endpoint_view(await self._connection.send(calls.disable(endpoint_id, reason)))

    async def replay(self, endpoint_id: str, wanted: ReplayWebhooks) -> int:
        return (await self._connection.send(calls.replay(endpoint_id, wanted))).replayed

    async def deliveries(self, query: WebhookDeliveryQuery) -> tuple[Sequence[Delivery], str | None]:
        page = await self._connection.send(calls.deliveries(query))
        return [delivery_view(one) for one in page.data], page.next

    async def delivery(self, delivery_id: str) -> DeliveryDetail:
        return delivery_detail_view(await self._connection.send(calls.delivery(delivery_id)))

    async def replay_delivery(self, delivery_id: str) -> Delivery:
        return delivery_view(await self._connection.send(calls.replay_delivery(delivery_id)))


def _shown(answer: ShownWebhookEndpoint, secret: str) -> ShownEndpoint:
    return with_secret(endpoint_view(answer), secret, answer.library_secret or _library_form(secret))


def _new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def _library_form(secret: str) -> str:
    return secret if secret.startswith(_PREFIX) else _PREFIX + base64.b64encode(secret.encode()).decode()
