"""What calls about webhooks need of whoever keeps them: a server far away, or the store in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stook.engine.webhook_views import Endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.engine.webhook_views import Delivery, DeliveryDetail
    from stook.wire.webhook import (
        ChangeWebhookEndpoint,
        NewWebhookEndpoint,
        ReplayWebhooks,
        RotateWebhookSecret,
        WebhookDeliveryQuery,
    )

__all__ = ["ShownEndpoint", "WebhookBackend", "with_secret"]


class ShownEndpoint(Endpoint, kw_only=True, frozen=True):
    """An endpoint as it was made or got a new secret: `secret` is nowhere to be had again. `library_secret` is the
    same, as libraries of Standard Webhooks take it."""

    secret: str
    library_secret: str

    def __repr__(self) -> str:
        return f"<ShownEndpoint {self.id} {self.secret_hint}>"


def with_secret(endpoint: Endpoint, secret: str, library_secret: str) -> ShownEndpoint:
    fields = {name: getattr(endpoint, name) for name in endpoint.__struct_fields__}
    return ShownEndpoint(**fields, secret=secret, library_secret=library_secret)


class WebhookBackend(Protocol):
    """As `stook.engine.webhooks.Webhooks` documents each. A page comes with what the next one's `after` is."""

    async def create(self, wanted: NewWebhookEndpoint) -> ShownEndpoint: ...

    async def endpoints(self, after: str | None, limit: int) -> tuple[Sequence[Endpoint], str | None]: ...

    async def get(self, endpoint_id: str) -> Endpoint: ...

    async def update(self, endpoint_id: str, wanted: ChangeWebhookEndpoint) -> Endpoint: ...

    async def delete(self, endpoint_id: str) -> None: ...

    async def rotate(self, endpoint_id: str, wanted: RotateWebhookSecret) -> ShownEndpoint: ...

    async def test(self, endpoint_id: str) -> str: ...

    async def enable(self, endpoint_id: str) -> Endpoint: ...

    async def disable(self, endpoint_id: str, reason: str) -> Endpoint: ...

    async def replay(self, endpoint_id: str, wanted: ReplayWebhooks) -> int: ...

    async def deliveries(self, query: WebhookDeliveryQuery) -> tuple[Sequence[Delivery], str | None]: ...

    async def delivery(self, delivery_id: str) -> DeliveryDetail: ...

    async def replay_delivery(self, delivery_id: str) -> Delivery: ...
