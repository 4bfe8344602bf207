"""What webhook operations take and give. Times are microseconds since the epoch; secrets are sealed bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

import msgspec

from stook.core.delivery_state import DeliveryState
from stook.core.ids import execution_id
from stook.core.unchanged import UNCHANGED, Unchanged

if TYPE_CHECKING:
    from stook.store.script.webhook_delivery import DeliveryRow
    from stook.store.script.webhook_endpoint import EndpointRow
    from stook.store.statement import Row

__all__ = [
    "AttemptView",
    "Auth",
    "AuthKind",
    "BreakerView",
    "Delivery",
    "DeliveryDetail",
    "Endpoint",
    "EndpointChanges",
    "NewEndpoint",
    "Reach",
    "delivery_view",
    "detail_view",
    "endpoint_view",
]

AuthKind = Literal["none", "header", "bearer"]
Reach = Literal["all", "named"]


class Auth(msgspec.Struct, frozen=True):
    """How a request says who sends it. `name` is the header's, for the kind `header` alone."""

    kind: AuthKind = "none"
    name: str | None = None


class NewEndpoint(msgspec.Struct, kw_only=True, frozen=True):
    """`id` is `whe_…`, made by the caller. No `events`: the default set; no `tasks`: all. `secret` and `auth_value` are
    sealed."""

    id: str
    url: str
    secret: bytes
    secret_hint: str
    description: str = ""
    events: Sequence[str] = ()
    tasks: Sequence[str] = ()
    batches: Reach = "all"
    auth: Auth = Auth()
    auth_value: bytes | None = None
    schemes: Sequence[str] = ("standard", "vellum")
    max_concurrency: int = 8


class EndpointChanges(msgspec.Struct, kw_only=True, frozen=True):
    """What is not given stays. `auth_value` goes with `auth`: given together."""

    url: str | Unchanged = UNCHANGED
    description: str | Unchanged = UNCHANGED
    events: Sequence[str] | Unchanged = UNCHANGED
    tasks: Sequence[str] | Unchanged = UNCHANGED
    batches: Reach | Unchanged = UNCHANGED
    auth: Auth | Unchanged = UNCHANGED
    auth_value: bytes | Unchanged | None = UNCHANGED
    schemes: Sequence[str] | Unchanged = UNCHANGED
    max_concurrency: int | Unchanged = UNCHANGED


class BreakerView(msgspec.Struct, frozen=True):
    """`failures` in a row, the first of them at `since`. `next_trial_at`: while it is open, when the next may go."""

    state: Literal["closed", "open"]
    failures: int
    since: int | None
    next_trial_at: int | None


class Endpoint(msgspec.Struct, kw_only=True, frozen=True):
    """`reason` says why it is disabled. `held_until`: it asked for a pause (429, 503) that ends then.
    `old_secret_until`: the secret before the last rotation signs as well until then."""

    id: str
    project: str
    url: str
    description: str
    events: Sequence[str]
    tasks: Sequence[str]
    batches: Reach
    auth: Auth
    schemes: Sequence[str]
    max_concurrency: int
    status: Literal["enabled", "disabled"]
    reason: str | None
    breaker: BreakerView
    held_until: int | None
    secret_hint: str
    old_secret_until: int | None
    created_at: int
    updated_at: int


class Delivery(msgspec.Struct, kw_only=True, frozen=True):
    """One event on its way to one endpoint. `run` counts replays from 1, `attempt` the attempts of this run; `code`,
    `error`, `duration` (µs) are of the last. `batch_id` is the store's; `index` of the execution, None for events of
    batches."""

    id: str
    event_id: str
    event: str
    endpoint_id: str
    project: str
    batch_id: bytes | None
    index: int | None
    state: DeliveryState
    run: int
    attempt: int
    next_at: int | None
    code: int | None
    error: str | None
    duration: int | None
    created_at: int
    updated_at: int

    @property
    def public_batch_id(self) -> str | None:
        return None if self.batch_id is None else execution_id(self.batch_id, 0)

    @property
    def public_execution_id(self) -> str | None:
        return None if self.batch_id is None or self.index is None else execution_id(self.batch_id, self.index)


class AttemptView(msgspec.Struct, kw_only=True, frozen=True):
    """`headers` are those of the request, secrets masked; `answer` is the first 2 KiB of the receiver's."""

    run: int
    attempt: int
    at: int
    headers: dict[str, str]
    code: int | None
    error: str | None
    duration: int
    answer: bytes


class DeliveryDetail(msgspec.Struct, frozen=True):
    """`body` is what every attempt sends, byte for byte; `attempts` the oldest first."""

    delivery: Delivery
    body: bytes
    attempts: Sequence[AttemptView]


_names = msgspec.json.Decoder(list[str]).decode
_headers = msgspec.json.Decoder(dict[str, str]).decode


def endpoint_view(row: EndpointRow) -> Endpoint:
    return Endpoint(
        id=row.id,
        project=row.project,
        url=row.url,
        description=row.description,
        events=_names(row.events),
        tasks=_names(row.tasks),
        batches="named" if row.reach == "named" else "all",
        auth=Auth(cast("AuthKind", row.auth_kind), row.auth_name),
        schemes=_names(row.schemes),
        max_concurrency=row.max_concurrency,
        status="enabled" if row.status == "enabled" else "disabled",
        reason=row.reason,
        breaker=BreakerView(
            "closed" if row.trial_at is None else "open", row.failures, row.failing_since, row.trial_at
        ),
        held_until=row.held_until,
        secret_hint=row.secret_hint,
        old_secret_until=row.old_until,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def delivery_view(row: DeliveryRow) -> Delivery:
    return Delivery(
        id=row.id,
        event_id=row.event_id,
        event=row.name,
        endpoint_id=row.endpoint_id,
        project=row.project,
        batch_id=row.batch_id,
        index=row.idx,
        state=cast("DeliveryState", row.state),
        run=row.run,
        attempt=row.attempt,
        next_at=row.next_at,
        code=row.code,
        error=row.error,
        duration=row.duration,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def detail_view(row: DeliveryRow, body: bytes, attempts: Sequence[Row]) -> DeliveryDetail:
    shown = [
        AttemptView(
            run=run,
            attempt=attempt,
            at=at,
            headers=_headers(headers),
            code=code,
            error=error,
            duration=duration,
            answer=answer,
        )
        for run, attempt, at, headers, code, error, duration, answer in attempts
    ]
    return DeliveryDetail(delivery_view(row), body, shown)
