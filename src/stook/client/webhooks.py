"""`client.webhooks`: where a project's events are sent, and what became of it. In blocking calls and in coroutines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, Unpack

import msgspec

from stook.client.webhook_backend import ShownEndpoint
from stook.core.errors import OptionError
from stook.engine.webhook_views import Delivery, DeliveryDetail, Endpoint
from stook.wire.webhook import (
    ChangeWebhookEndpoint,
    DisableWebhookEndpoint,
    NewWebhookEndpoint,
    ReplayWebhooks,
    RotateWebhookSecret,
    WebhookDeliveryQuery,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from datetime import datetime

    from stook.client.batch import Caller
    from stook.client.webhook_backend import WebhookBackend
    from stook.core.delivery_state import DeliveryState

__all__ = [
    "AsyncWebhooks",
    "Delivery",
    "DeliveryDetail",
    "DeliveryFilters",
    "Endpoint",
    "EndpointOptions",
    "ShownEndpoint",
    "Webhooks",
]

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")


class EndpointOptions(TypedDict, total=False):
    """`events`: names (none: the default set); `tasks`: those whose batches it hears of (none: all). `batches`: `named`
    is only those submitted with its id. `auth`: `{"kind": "header", "name": …, "value": …}` or `{"kind": "bearer",
    "token": …}`. `schemes` sign (None: all). `max_concurrency`: requests at once. None is what it is by default.
    """

    description: str | None
    events: Sequence[str] | None
    tasks: Sequence[str] | None
    batches: Literal["all", "named"] | None
    auth: Mapping[str, str] | None
    schemes: Sequence[str] | None
    max_concurrency: int | None


class ChangedOptions(EndpointOptions, total=False):
    url: str


class DeliveryFilters(TypedDict, total=False):
    """Joined by and. `event` is an event's id or a name of events, `batch` and `execution` are ids, `since` is an aware
    time at which a delivery was made, or later."""

    endpoint: str | None
    event: str | None
    batch: str | None
    execution: str | None
    state: DeliveryState | None
    since: datetime | None


class AsyncWebhooks:
    """`Webhooks`, awaited."""

    def __init__(self, backend: WebhookBackend) -> None:
        self._backend = backend

    async def create(self, url: str, *, secret: str | None = None, **options: Unpack[EndpointOptions]) -> ShownEndpoint:
        """A new endpoint. Its secret is shown this once: one is made where none is given."""
        given = {name: value for name, value in options.items() if value is not None}
        return await self._backend.create(_shaped(NewWebhookEndpoint, {"url": url, "secret": secret, **given}))

    async def list(self) -> AsyncIterator[Endpoint]:
        """The oldest first."""
        async for page in self.endpoint_pages():
            for one in page:
                yield one

    async def endpoint_pages(self) -> AsyncIterator[Sequence[Endpoint]]:
        page, after = await self._backend.endpoints(None, 100)
        yield page
        while after is not None:
            page, after = await self._backend.endpoints(after, 100)
            yield page

    async def get(self, endpoint: str) -> Endpoint:
        return await self._backend.get(endpoint)

    async def update(self, endpoint: str, **changes: Unpack[ChangedOptions]) -> Endpoint:
        """Changes what is given, from the next attempt on; None is the default."""
        return await self._backend.update(endpoint, _shaped(ChangeWebhookEndpoint, changes))

    async def delete(self, endpoint: str) -> None:
        """What still waits for it is given up."""
        await self._backend.delete(endpoint)

    async def rotate_secret(
        self, endpoint: str, *, overlap: float = 86_400.0, secret: str | None = None
    ) -> ShownEndpoint:
        """A new secret, shown this once; the one before signs as well for `overlap` seconds."""
        return await self._backend.rotate(
            endpoint, _shaped(RotateWebhookSecret, {"overlap": overlap, "secret": secret})
        )

    async def test(self, endpoint: str) -> str:
        """Sends a `webhook.test` event, whatever it subscribed to; returns the delivery's id."""
        return await self._backend.test(endpoint)

    async def enable(self, endpoint: str) -> Endpoint:
        return await self._backend.enable(endpoint)

    async def disable(self, endpoint: str, *, reason: str = "disabled by user") -> Endpoint:
        """Nothing more is sent to it. Events go on being kept, for `replay`."""
        return await self._backend.disable(endpoint, _shaped(DisableWebhookEndpoint, {"reason": reason}).reason)

    async def replay(self, endpoint: str, *, since: datetime | None = None, state: DeliveryState | None = None) -> int:
        """Sends again: with `state` its deliveries in that state, without every event it wants, also those from when it
        was disabled; only events since `since`. Returns how many."""
        return await self._backend.replay(endpoint, _shaped(ReplayWebhooks, {"since": since, "state": state}))

    async def deliveries(self, **filters: Unpack[DeliveryFilters]) -> AsyncIterator[Delivery]:
        """The newest first, read as they are taken."""
        async for page in self.delivery_pages(**filters):
            for one in page:
                yield one

    async def delivery_pages(
        self, *, limit: int = 100, **filters: Unpack[DeliveryFilters]
    ) -> AsyncIterator[Sequence[Delivery]]:
        query = _shaped(WebhookDeliveryQuery, {**filters, "limit": limit})
        page, after = await self._backend.deliveries(query)
        yield page
        while after is not None:
            page, after = await self._backend.deliveries(msgspec.structs.replace(query, after=after))
            yield page

    async def delivery(self, delivery: str) -> DeliveryDetail:
        """With what was sent, and every attempt's request and answer."""
        return await self._backend.delivery(delivery)

    async def replay_delivery(self, delivery: str) -> Delivery:
        """Sends the same event again, on a schedule from its beginning. `Conflict` while it is on its way."""
        return await self._backend.replay_delivery(delivery)


class Webhooks:
    """Webhook endpoints of the key's project, and the log of what was sent to them."""

    def __init__(self, backend: WebhookBackend, caller: Caller) -> None:
        self._async = AsyncWebhooks(backend)
        self._caller = caller

    def create(self, url: str, *, secret: str | None = None, **options: Unpack[EndpointOptions]) -> ShownEndpoint:
        """A new endpoint. Its secret is shown this once: one is made where none is given."""
        return self._caller.call(self._async.create(url, secret=secret, **options))

    def list(self) -> Iterator[Endpoint]:
        """The oldest first."""
        return self._caller.iterate(_lists(self._async.endpoint_pages()))

    def get(self, endpoint: str) -> Endpoint:
        return self._caller.call(self._async.get(endpoint))

    def update(self, endpoint: str, **changes: Unpack[ChangedOptions]) -> Endpoint:
        """Changes what is given, from the next attempt on; None is the default."""
        return self._caller.call(self._async.update(endpoint, **changes))

    def delete(self, endpoint: str) -> None:
        """What still waits for it is given up."""
        self._caller.call(self._async.delete(endpoint))

    def rotate_secret(self, endpoint: str, *, overlap: float = 86_400.0, secret: str | None = None) -> ShownEndpoint:
        """A new secret, shown this once; the one before signs as well for `overlap` seconds."""
        return self._caller.call(self._async.rotate_secret(endpoint, overlap=overlap, secret=secret))

    def test(self, endpoint: str) -> str:
        """Sends a `webhook.test` event, whatever it subscribed to; returns the delivery's id."""
        return self._caller.call(self._async.test(endpoint))

    def enable(self, endpoint: str) -> Endpoint:
        return self._caller.call(self._async.enable(endpoint))

    def disable(self, endpoint: str, *, reason: str = "disabled by user") -> Endpoint:
        """Nothing more is sent to it. Events go on being kept, for `replay`."""
        return self._caller.call(self._async.disable(endpoint, reason=reason))

    def replay(self, endpoint: str, *, since: datetime | None = None, state: DeliveryState | None = None) -> int:
        """Sends again: with `state` its deliveries in that state, without every event it wants, also those from when it
        was disabled; only events since `since`. Returns how many."""
        return self._caller.call(self._async.replay(endpoint, since=since, state=state))

    def deliveries(self, **filters: Unpack[DeliveryFilters]) -> Iterator[Delivery]:
        """The newest first, read as they are taken."""
        return self._caller.iterate(_lists(self._async.delivery_pages(**filters)))

    def delivery(self, delivery: str) -> DeliveryDetail:
        """With what was sent, and every attempt's request and answer."""
        return self._caller.call(self._async.delivery(delivery))

    def replay_delivery(self, delivery: str) -> Delivery:
        """Sends the same event again, on a schedule from its beginning. `Conflict` while it is on its way."""
        return self._caller.call(self._async.replay_delivery(delivery))


async def _lists(pages: AsyncIterator[Sequence[T]]) -> AsyncIterator[list[T]]:
    async for page in pages:
        yield list(page)


def _shaped(kind: type[S], given: Mapping[str, Any]) -> S:
    """`OptionError` names what cannot be, before anybody is asked."""
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        text = str(error).replace("Object contains unknown field", "there is no option").replace("`$.", "`")
        raise OptionError(text) from None
