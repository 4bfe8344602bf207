"""Sending again: one delivery, those in a state, all events since; and a first event to try an endpoint.

Lock order: the endpoint, then its deliveries by id. A new run begins with the same event and body; what still carries
an earlier run finds that it is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import Conflict, NotFound
from stook.core.webhook_events import TEST, Wants, body_of
from stook.store.script.carry import carry
from stook.store.script.outbox import Ids
from stook.store.script.webhook_endpoint import EndpointRow, lock_endpoint
from stook.store.statement import All, Many, Now

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["Replayed", "newest_id", "replay_delivery", "replay_events", "replay_state", "send_test"]

BITE = 1000


class Replayed(msgspec.Struct):
    """`count` of a bite; `after` is where the next begins, None: there is no more."""

    count: int
    after: str | None


def newest_id(kind: str) -> Script[str]:
    """Above every id of the kind so far; a replay goes no further, so that it ends."""
    now: int = yield Now()
    return f"{kind}_{now // 1000 + 1:012x}"


def replay_delivery(project: str, delivery_id: str) -> Script[None]:
    rows: list[Row] = yield All("read_webhook_delivery", (delivery_id, project))
    if not rows:
        raise NotFound(f"no such webhook delivery: {delivery_id}")
    endpoint = yield from _enabled(project, rows[0][3])
    now: int = yield Now()
    locked: list[Row] = yield All("lock_webhook_delivery", (delivery_id,))
    if not locked:
        raise NotFound(f"no such webhook delivery: {delivery_id}", hint="it is older than deliveries are kept")
    yield from _restart(endpoint, [(delivery_id, locked[0][8] + 1)], now)


def replay_state(project: str, endpoint_id: str, state: str, since: int, after: str, until: str) -> Script[Replayed]:
    endpoint = yield from _enabled(project, endpoint_id)
    now: int = yield Now()
    rows: list[Row] = yield All("lock_replayed_deliveries", (endpoint.id, after, until, state, since, BITE))
    yield from _restart(endpoint, [(id_, run + 1) for id_, _, run in rows], now)
    return Replayed(len(rows), rows[-1][0] if len(rows) == BITE else None)


def replay_events(project: str, endpoint_id: str, since: int, after: str, until: str) -> Script[Replayed]:
    """Those it wants now; what has no delivery yet (it was disabled then, or did not exist) gets one."""
    endpoint = yield from _enabled(project, endpoint_id)
    now: int = yield Now()
    tasks = msgspec.json.decode(endpoint.tasks, type=list[str])
    wants = Wants(endpoint.id, endpoint.mask, tasks, endpoint.reach == "named")
    rows: list[Row] = yield All("replayed_events", (project, endpoint.id, after, until, since, BITE))
    again: list[tuple[str, int]] = []
    new: list[tuple[object, ...]] = []
    fresh: list[tuple[str, int]] = []
    ids = Ids(now)
    for event_id, name, batch_id, index, task, named, delivery_id, run in rows:
        if not wants.event(name, task, () if named is None else msgspec.json.decode(named, type=list[str])):
            continue
        if delivery_id is not None:
            again.append((delivery_id, run + 1))
        elif name != TEST:
            fresh.append((ids("dlv"), 1))
            new.append((fresh[-1][0], event_id, endpoint.id, project, name, batch_id, index, now))
    if new:
        yield Many("insert_webhook_delivery", new)
    yield from _restart(endpoint, sorted(again), now, fresh)
    return Replayed(len(again) + len(new), rows[-1][0] if len(rows) == BITE else None)


def send_test(project: str, endpoint_id: str) -> Script[str]:
    """To this endpoint alone, whatever events it wants; returns the delivery's id."""
    endpoint = yield from _enabled(project, endpoint_id)
    now: int = yield Now()
    ids = Ids(now)
    event_id, delivery_id = ids("evt"), ids("dlv")
    body = body_of(event_id, TEST, now, project, {"endpoint": {"id": endpoint.id, "url": endpoint.url}})
    yield Many("insert_webhook_event", [(event_id, project, TEST, None, None, None, None, body, now)])
    row = (delivery_id, event_id, endpoint.id, project, TEST, None, None, now)
    yield Many("insert_webhook_delivery", [row])
    yield from carry({endpoint.id: [(delivery_id, 1)]}, now)
    return delivery_id


def _enabled(project: str, endpoint_id: str) -> Script[EndpointRow]:
    endpoint = yield from lock_endpoint(project, endpoint_id)
    if endpoint.status != "enabled":
        raise Conflict(f"webhook endpoint {endpoint.id} is disabled: {endpoint.reason}", hint="enable it first")
    return endpoint


def _restart(
    endpoint: EndpointRow, again: list[tuple[str, int]], now: int, fresh: list[tuple[str, int]] | None = None
) -> Script[None]:
    if again:
        yield Many("restart_webhook_delivery", [(id_, run, now) for id_, run in again])
    yield from carry({endpoint.id: [*again, *(fresh or ())]}, now)
