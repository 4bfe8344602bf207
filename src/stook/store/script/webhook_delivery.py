"""One delivery on its way: begun, recorded, tried again, given up.

Lock order: the endpoint, then the delivery. `begin` locks the delivery alone, but for a trial of an open breaker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.breaker import Disable, after_failure, after_success, take_trial
from stook.core.webhook_schedule import next_wait
from stook.store.script.webhook_endpoint import EndpointRow, disable, endpoint_row, save_endpoint, set_flow
from stook.store.statement import All, Many, Now, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = [
    "Begun",
    "DeliveryRow",
    "Outcome",
    "Recorded",
    "begin_delivery",
    "next_hold",
    "record_attempt",
    "release_due",
]

SECOND = 1_000_000
MOST_ANSWER = 2048


class DeliveryRow(msgspec.Struct):
    """Columns of `lock_webhook_delivery.sql` and its like."""

    id: str
    event_id: str
    name: str
    endpoint_id: str
    project: str
    batch_id: bytes | None
    idx: int | None
    state: str
    run: int
    attempt: int
    next_at: int | None
    code: int | None
    error: str | None
    duration: int | None
    created_at: int
    updated_at: int


class Begun(msgspec.Struct):
    """Columns of `read_webhook_sending.sql`."""

    run: int
    state: str
    attempt: int
    event_id: str
    event: str
    body: bytes
    endpoint_id: str | None
    status: str | None
    reason: str | None
    url: str
    schemes: str
    secret: bytes
    old_secret: bytes | None
    old_until: int | None
    auth_kind: str
    auth_name: str | None
    auth_value: bytes | None
    trial_at: int | None
    held_until: int | None


class Outcome(msgspec.Struct):
    """`headers` are JSON. `delivered` is the sender's judgement of `code`."""

    headers: str
    code: int | None
    error: str | None
    duration: int
    answer: bytes
    retry_after: float | None
    delivered: bool


class Recorded(msgspec.Struct):
    """`delay` seconds until the next attempt, else `dead` says why there is none; neither: it is done."""

    delay: float | None = None
    dead: str | None = None


def begin_delivery(delivery_id: str, run: int) -> Script[tuple[Begun, int] | float | None]:
    """What to send, and the store's time; or how many seconds its endpoint is held; None: nothing is left to send."""
    rows: list[Row] = yield All("read_webhook_sending", (delivery_id,))
    now: int = yield Now()
    if not rows:
        return None
    begun = Begun(*rows[0])
    if begun.run != run or begun.state in ("delivered", "dead"):
        return None
    if begun.status != "enabled":
        why = "the endpoint was deleted" if begun.status is None else f"endpoint disabled: {begun.reason}"
        yield Run("bury_webhook_delivery", (delivery_id, run, why, now))
        return None
    if begun.trial_at is not None or begun.held_until is not None:
        wait = yield from _may_go(delivery_id)
        if wait is not None:
            return wait
    changed: int = yield Run("begin_webhook_delivery", (delivery_id, run, now))
    return (begun, now) if changed else None


def _may_go(delivery_id: str) -> Script[float | None]:
    """Of a held endpoint: None, and while its breaker is open this is the minute's trial; else how long to wait."""
    rows: list[Row] = yield All("lock_delivery_endpoint", (delivery_id,))
    now: int = yield Now()
    if not rows:
        return None
    endpoint = endpoint_row(rows[0])
    until = max(endpoint.held_until or 0, endpoint.trial_at or 0)
    if until > now:
        return (until - now) / SECOND
    endpoint.held_until = None
    if endpoint.trial_at is not None:
        endpoint.breaker = take_trial(endpoint.breaker, now)
    yield from set_flow(endpoint, now)
    yield from save_endpoint(endpoint, now)
    return None


def record_attempt(
    delivery_id: str, run: int, attempt: int, outcome: Outcome, schedule: Sequence[float], draw: float
) -> Script[Recorded]:
    """The attempt, the delivery and what follows for its endpoint. What was recorded already, or belongs to an earlier
    run, changes nothing."""
    endpoints: list[Row] = yield All("lock_delivery_endpoint", (delivery_id,))
    rows: list[Row] = yield All("lock_webhook_delivery", (delivery_id,))
    now: int = yield Now()
    if not rows:
        return Recorded()
    delivery = DeliveryRow(*rows[0])
    if delivery.run != run or delivery.state == "delivered":
        return Recorded()
    if attempt != delivery.attempt + 1:
        return _as_it_is(delivery, now)
    delivery.attempt, delivery.updated_at = attempt, now
    delivery.code, delivery.duration = outcome.code, outcome.duration
    columns = (outcome.headers, outcome.code, outcome.error, outcome.duration, outcome.answer[:MOST_ANSWER])
    yield Many("insert_webhook_attempt", [(delivery.id, run, attempt, now, *columns)])
    endpoint = endpoint_row(endpoints[0]) if endpoints else None
    wait = None if outcome.delivered else next_wait(schedule, attempt, outcome.retry_after, draw)
    if outcome.delivered:
        delivery.state, delivery.next_at, delivery.error = "delivered", None, None
    elif delivery.state != "dead":  # its endpoint may have been disabled while this was under way
        delivery.error = outcome.error or f"answered {outcome.code}"
        delivery.state, delivery.next_at = ("dead", None) if wait is None else ("failed", now + round(wait * SECOND))
    yield from _save(delivery)
    if endpoint is not None and endpoint.status == "enabled":
        reason = yield from _judge(endpoint, outcome, wait, now)
        if reason is not None and delivery.state == "failed":  # buried with the others
            return Recorded(dead=f"endpoint disabled: {reason}")
    return _as_it_is(delivery, now)


def _as_it_is(delivery: DeliveryRow, now: int) -> Recorded:
    if delivery.state == "dead":
        return Recorded(dead=delivery.error or "given up")
    if delivery.state == "delivered":
        return Recorded()
    return Recorded(delay=max(0, (delivery.next_at or now) - now) / SECOND)


def _judge(endpoint: EndpointRow, outcome: Outcome, wait: float | None, now: int) -> Script[str | None]:
    """Moves the breaker; returns why the endpoint is disabled, if it is."""
    before = endpoint.breaker
    asked = wait if wait is not None else outcome.retry_after
    after = after_success(before) if outcome.delivered else after_failure(before, outcome.code, asked, now)
    if isinstance(after, Disable):
        yield from disable(endpoint, after.reason, now)
        yield from save_endpoint(endpoint, now)
        return after.reason
    if after != before:
        endpoint.breaker = after
        if (after.trial_at, after.held_until) != (before.trial_at, before.held_until):
            yield from set_flow(endpoint, now)
        yield from save_endpoint(endpoint, now)
    return None


def _save(delivery: DeliveryRow) -> Script[None]:
    moved = (delivery.run, delivery.attempt, delivery.state, delivery.next_at)
    last = (delivery.code, delivery.error, delivery.duration, delivery.updated_at)
    yield Many("update_webhook_delivery", [(delivery.id, *moved, *last)])


def next_hold() -> Script[tuple[int | None, int]]:
    """When the next hold ends, and the store's time: a look that writes nothing."""
    rows: list[Row] = yield All("next_webhook_wake")
    now: int = yield Now()
    return rows[0][0], now


def release_due(limit: int = 100) -> Script[int | None]:
    """Lets endpoints go on whose hold has ended, an open one with a single trial; returns when the next hold ends. What
    somebody else is working on is passed over: it is his."""
    while True:
        now: int = yield Now()
        rows: list[Row] = yield All("due_webhook_endpoints", (now, limit))
        for row in rows:
            endpoint = endpoint_row(row)
            yield from set_flow(endpoint, now)
            yield from save_endpoint(endpoint, now)
        if len(rows) < limit:
            break
    waking: list[Row] = yield All("next_webhook_wake")
    until: int | None = waking[0][0]
    return until
