"""Webhooks of a store in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.client.webhook_backend import with_secret
from stook.core.errors import MissingExtra
from stook.core.ids import batch_of, index_of, parse_id
from stook.engine.webhooks import Webhooks
from stook.wire.stamp import micros

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.client.webhook_backend import ShownEndpoint
    from stook.engine.webhook_views import Delivery, DeliveryDetail, Endpoint
    from stook.wire.webhook import (
        ChangeWebhookEndpoint,
        NewWebhookEndpoint,
        ReplayWebhooks,
        RotateWebhookSecret,
        WebhookDeliveryQuery,
    )
    from stook.wiring.endpoint_secrets import EndpointSecretsOf
    from stook.wiring.session import Session

__all__ = ["LocalWebhooks"]


class LocalWebhooks:
    """Of the session's project. Implements `stook.client.webhook_backend.WebhookBackend`; servers deliver."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._webhooks = Webhooks(session.store, session.settings.project)

    async def create(self, wanted: NewWebhookEndpoint) -> ShownEndpoint:
        new, secret = self._secrets().new_endpoint(wanted)
        return with_secret(await self._webhooks.create(new), secret.text, secret.library)

    async def endpoints(self, after: str | None, limit: int) -> tuple[Sequence[Endpoint], str | None]:
        return await self._webhooks.list(after=after, limit=limit)

    async def get(self, endpoint_id: str) -> Endpoint:
        return await self._webhooks.get(endpoint_id)

    async def update(self, endpoint_id: str, wanted: ChangeWebhookEndpoint) -> Endpoint:
        return await self._webhooks.update(endpoint_id, self._secrets().changes(wanted))

    async def delete(self, endpoint_id: str) -> None:
        await self._webhooks.delete(endpoint_id)

    async def rotate(self, endpoint_id: str, wanted: RotateWebhookSecret) -> ShownEndpoint:
        secret = self._secrets().secret(wanted.secret)
        changed = await self._webhooks.rotate(endpoint_id, secret.sealed, secret.hint, wanted.overlap)
        return with_secret(changed, secret.text, secret.library)

    async def test(self, endpoint_id: str) -> str:
        return await self._webhooks.test(endpoint_id)

    async def enable(self, endpoint_id: str) -> Endpoint:
        return await self._webhooks.enable(endpoint_id)

    async def disable(self, endpoint_id: str, reason: str) -> Endpoint:
        return await self._webhooks.disable(endpoint_id, reason)

    async def replay(self, endpoint_id: str, wanted: ReplayWebhooks) -> int:
        since = None if wanted.since is None else micros(wanted.since)
        return await self._webhooks.replay(endpoint_id, since=since, state=wanted.state)

    async def deliveries(self, query: WebhookDeliveryQuery) -> tuple[Sequence[Delivery], str | None]:
        of_one = None if query.execution is None else parse_id(query.execution)
        whole = None if query.batch is None else parse_id(query.batch)
        raw = of_one or whole
        return await self._webhooks.deliveries(
            endpoint=query.endpoint,
            event=query.event,
            batch=None if raw is None else batch_of(raw),
            index=None if of_one is None else index_of(of_one),
            state=query.state,
            since=None if query.since is None else micros(query.since),
            after=query.after,
            limit=query.limit,
        )

    async def delivery(self, delivery_id: str) -> DeliveryDetail:
        return await self._webhooks.delivery(delivery_id)

    async def replay_delivery(self, delivery_id: str) -> Delivery:
        await self._webhooks.replay_one(delivery_id)
        return (await self._webhooks.delivery(delivery_id)).delivery

    def _secrets(self) -> EndpointSecretsOf:
        try:
            from stook.wiring.endpoint_secrets import EndpointSecretsOf  # noqa: PLC0415 - its libraries are an extra
        except ModuleNotFoundError as error:
            if error.name not in ("cryptography", "httpx", "httpcore"):
                raise
            raise MissingExtra(
                f"to seal secrets of webhooks needs {error.name}", hint="pip install 'stook[server]'"
            ) from None
        return EndpointSecretsOf(self._session.settings, self._session.store)
