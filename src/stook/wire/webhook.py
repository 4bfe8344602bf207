"""Webhook endpoints on the wire, and what was sent to them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from stook.core.delivery_state import DeliveryState
from stook.wire.batch import Count
from stook.wire.stamp import Moment, Stamp

__all__ = [
    "BearerAuth",
    "ChangeWebhookEndpoint",
    "DisableWebhookEndpoint",
    "HeaderAuth",
    "NewAuth",
    "NewWebhookEndpoint",
    "NoAuth",
    "ReplayWebhooks",
    "ReplayedWebhooks",
    "RotateWebhookSecret",
    "ShownWebhookEndpoint",
    "WebhookAttempt",
    "WebhookAuth",
    "WebhookBreaker",
    "WebhookDelivery",
    "WebhookDeliveryDetail",
    "WebhookDeliveryPage",
    "WebhookDeliveryQuery",
    "WebhookEndpoint",
    "WebhookEndpointPage",
    "WebhookEndpointQuery",
    "WebhookTested",
]

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Names = Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=512)]], msgspec.Meta(max_length=100)]
Reach = Literal["all", "named"]
Secret = Annotated[str, msgspec.Meta(max_length=512)]
Description = Annotated[str, msgspec.Meta(max_length=1000)]


class NoAuth(msgspec.Struct, forbid_unknown_fields=True, tag_field="kind", tag="none"):
    """Requests are signed, and carry nothing else that says who sends them."""


class HeaderAuth(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="header"):
    """Each request has this header."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class BearerAuth(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="bearer"):
    """Each request has `Authorization: Bearer <token>`."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


NewAuth = NoAuth | HeaderAuth | BearerAuth


class WebhookAuth(msgspec.Struct, kw_only=True):
    """`name` is the header's, of the kind `header`. Its value, or the token, is never shown."""

    kind: Literal["none", "header", "bearer"]
    name: str | None


class WebhookBreaker(msgspec.Struct, kw_only=True):
    """`failures` in a row, the first of them at `since`; while it is open one delivery goes at `next_trial_at`."""

    state: Literal["closed", "open"]
    failures: int
    since: Stamp | None
    next_trial_at: Stamp | None


class WebhookEndpoint(msgspec.Struct, kw_only=True):
    """`events` empty: the default set; `tasks` empty: all. `reason` says why it is disabled. `held_until`: its receiver
    asked for a pause. `secret_hint` is the end of the secret; the one before it signs as well until
    `old_secret_until`."""

    id: str
    project: str
    url: str
    description: str
    events: list[str]
    tasks: list[str]
    batches: Reach
    auth: WebhookAuth
    schemes: list[str]
    max_concurrency: int
    status: Literal["enabled", "disabled"]
    reason: str | None
    breaker: WebhookBreaker
    held_until: Stamp | None
    secret_hint: str
    old_secret_until: Stamp | None
    created_at: Stamp
    updated_at: Stamp


class ShownWebhookEndpoint(WebhookEndpoint, kw_only=True):
    """`secret` is shown this once, and `library_secret`, the same as libraries of Standard Webhooks take it. Both are
    null where the request was sent again under its Idempotency-Key."""

    secret: str | None
    library_secret: str | None


class WebhookEndpointPage(msgspec.Struct):
    data: list[WebhookEndpoint]
    next: str | None


class WebhookEndpointQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    after: str | None = None
    limit: Limit = 50


class NewWebhookEndpoint(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Without `events` it gets the default set, without `tasks` those of all tasks; `batches` named: only of batches
    submitted with its id. Without `secret` one is made. Without `schemes` every one signs."""

    url: str
    description: Description = ""
    events: Names = []
    tasks: Names = []
    batches: Reach = "all"
    auth: NewAuth | None = None
    schemes: Names | None = None
    max_concurrency: Count = 8
    secret: Secret | None = None


class ChangeWebhookEndpoint(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays; null makes it what it is by default. `auth` is replaced as a whole."""

    url: str | msgspec.UnsetType = msgspec.UNSET
    description: Description | msgspec.UnsetType | None = msgspec.UNSET
    events: Names | msgspec.UnsetType | None = msgspec.UNSET
    tasks: Names | msgspec.UnsetType | None = msgspec.UNSET
    batches: Reach | msgspec.UnsetType | None = msgspec.UNSET
    auth: NewAuth | msgspec.UnsetType | None = msgspec.UNSET
    schemes: Names | msgspec.UnsetType | None = msgspec.UNSET
    max_concurrency: Count | msgspec.UnsetType | None = msgspec.UNSET


class RotateWebhookSecret(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Without `secret` one is made. The secret so far signs as well for `overlap` seconds."""

    secret: Secret | None = None
    overlap: Annotated[float, msgspec.Meta(ge=0, le=30 * 86_400)] = 86_400.0


class DisableWebhookEndpoint(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] = "disabled by user"


class ReplayWebhooks(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Its deliveries in `state`, or, without, every event it wants, also those of the time it was disabled. Only of
    events since `since`."""

    since: Moment | None = None
    state: DeliveryState | None = None


class ReplayedWebhooks(msgspec.Struct):
    replayed: int
    """Deliveries that begin again."""


class WebhookTested(msgspec.Struct):
    delivery_id: str


class WebhookDelivery(msgspec.Struct, kw_only=True):
    """One event on its way to one endpoint. `run` counts replays from 1, `attempt` the attempts of this run; `code` (an
    HTTP status), `error` and `duration` are of the last one, `next_at` is the next one's time. Events of executions
    have `execution_id` and `index`."""

    id: str
    event_id: str
    event: str
    endpoint_id: str
    project: str
    batch_id: str | None
    execution_id: str | None
    index: int | None
    state: DeliveryState
    run: int
    attempt: int
    next_at: Stamp | None
    code: int | None
    error: str | None
    duration: float | None
    created_at: Stamp
    updated_at: Stamp


class WebhookDeliveryPage(msgspec.Struct):
    data: list[WebhookDelivery]
    next: str | None


class WebhookAttempt(msgspec.Struct, kw_only=True):
    """`headers` are those of the request, secrets masked; `answer` is the beginning of the receiver's, as text."""

    run: int
    attempt: int
    at: Stamp
    headers: dict[str, str]
    code: int | None
    error: str | None
    duration: float
    answer: str


class WebhookDeliveryDetail(WebhookDelivery, kw_only=True):
    """`body` is what is sent, byte for byte; `history` has the attempts, the oldest first."""

    body: msgspec.Raw
    history: list[WebhookAttempt]


class WebhookDeliveryQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Filters are joined by and. `event` is an event's id or the name of events; `since` bounds the times at which
    deliveries were made. `after` is `next` of the page before."""

    endpoint: str | None = None
    event: str | None = None
    batch: str | None = None
    execution: str | None = None
    state: DeliveryState | None = None
    since: Moment | None = None
    after: str | None = None
    limit: Limit = 50
