"""What a deliverer needs: what to send, what became of it, and when held endpoints go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import msgspec

from stook.core.webhook_schedule import SCHEDULE, check_schedule
from stook.engine.webhook_views import AuthKind
from stook.store.script.webhook_delivery import Outcome, begin_delivery, next_hold, record_attempt, release_due

if TYPE_CHECKING:
    from stook.store.port import Store

__all__ = ["Attempted", "Dead", "Deliveries", "Done", "Held", "Retry", "Sending", "Verdict"]


class Sending(msgspec.Struct, kw_only=True, frozen=True):
    """`attempt` counts from 1 within this run: it goes into `X-Attempt` and back to `record`. `secret`, `old_secret`
    (still valid) and `auth_value` are sealed."""

    event_id: str
    event: str
    body: bytes
    attempt: int
    endpoint_id: str
    url: str
    schemes: Sequence[str]
    secret: bytes
    old_secret: bytes | None
    auth_kind: AuthKind
    auth_name: str | None
    auth_value: bytes | None


class Held(msgspec.Struct, frozen=True):
    """The endpoint may not be called now: come again in `delay` seconds. Costs the delivery no attempt."""

    delay: float


class Attempted(msgspec.Struct, kw_only=True, frozen=True):
    """What one attempt came to. `code` None: there was no answer, `error` says why. `duration` in microseconds,
    `retry_after` in seconds, as the receiver asked."""

    headers: dict[str, str]
    code: int | None
    error: str | None
    duration: int
    answer: bytes = b""
    retry_after: float | None = None


class Done(msgspec.Struct, frozen=True):
    """Nothing more to do: it was delivered, or this run is over already."""


class Retry(msgspec.Struct, frozen=True):
    """Once more in `delay` seconds."""

    delay: float


class Dead(msgspec.Struct, frozen=True):
    """Given up, for the reason given."""

    reason: str


Verdict = Done | Retry | Dead


class Deliveries:
    def __init__(self, store: Store, *, schedule: Sequence[float] = SCHEDULE) -> None:
        check_schedule(schedule)
        self._store = store
        self._schedule = tuple(schedule)

    async def begin(self, delivery_id: str, run: int) -> Sending | Held | None:
        """None: nothing to send any more (delivered, dead, replayed since, its endpoint gone): the execution ends."""
        begun = await self._store.write(begin_delivery, delivery_id, run)
        if begun is None:
            return None
        if isinstance(begun, float):
            return Held(begun)
        found, now = begun
        return Sending(
            event_id=found.event_id,
            event=found.event,
            body=found.body,
            attempt=found.attempt + 1,
            endpoint_id=found.endpoint_id or "",
            url=found.url,
            schemes=msgspec.json.decode(found.schemes, type=list[str]),
            secret=found.secret,
            old_secret=found.old_secret if now < (found.old_until or 0) else None,
            auth_kind=cast("AuthKind", found.auth_kind),
            auth_name=found.auth_name,
            auth_value=found.auth_value,
        )

    async def record(self, delivery_id: str, run: int, attempt: int, tried: Attempted, draw: float) -> Verdict:
        """In one transaction the attempt, the delivery, its endpoint's breaker and holds. `draw` is uniform in [0, 1).
        Of a run or attempt that is over: changes nothing, and says what holds now."""
        outcome = Outcome(
            headers=msgspec.json.encode(tried.headers).decode(),
            code=tried.code,
            error=tried.error,
            duration=tried.duration,
            answer=tried.answer,
            retry_after=tried.retry_after,
            delivered=tried.error is None and tried.code is not None and 200 <= tried.code < 300,  # noqa: PLR2004
        )
        recorded = await self._store.write(record_attempt, delivery_id, run, attempt, outcome, self._schedule, draw)
        if recorded.dead is not None:
            return Dead(recorded.dead)
        return Done() if recorded.delay is None else Retry(recorded.delay)

    async def release_due(self) -> int | None:
        """Lets endpoints go on whose hold has ended; returns when the next hold ends (µs), None: none is held. Two at
        once do no harm."""
        until, now = await self._store.read(next_hold)
        return until if until is None or until > now else await self._store.write(release_due)
