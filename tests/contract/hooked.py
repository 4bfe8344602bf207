"""Short words for tests of webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.webhook_events import TASK, endpoint_project
from stook.engine.deliveries import Attempted, Deliveries
from stook.engine.webhooks import NewEndpoint, Webhooks
from tests.contract.batches import inputs, send, succeed, take

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.work import Slice
    from stook.engine.deliveries import Verdict
    from stook.engine.webhooks import Endpoint
    from tests.contract.checked_store import CheckedStore

__all__ = ["OK", "add_endpoint", "answered", "attempt", "carried", "deliver", "deliveries_of", "events", "waiting"]

OK = Attempted(headers={"X-Attempt": "1"}, code=200, error=None, duration=7, answer=b"thanks")


def answered(code: int | None, *, retry_after: float | None = None) -> Attempted:
    error = "ConnectTimeout" if code is None else None
    return Attempted(headers={}, code=code, error=error, duration=7, retry_after=retry_after)


async def add_endpoint(store: CheckedStore, name: str = "a", *, project: str = "default", **options: Any) -> Endpoint:
    words = {"url": f"https://{name}.example.com/", "secret": b"sealed", "secret_hint": "…", **options}
    return await Webhooks(store, project).create(NewEndpoint(id=f"whe_{name}", **words))


async def events(store: CheckedStore) -> list[dict[str, Any]]:
    """Bodies, in the order in which they were written."""
    (rows,) = await store.tables.fetch("select id, name, project, body from webhook_event order by id")
    bodies = [msgspec.json.decode(bytes(body)) for *_, body in rows]
    for (id_, name, project, _), body in zip(rows, bodies, strict=True):
        assert (body["id"], body["type"], body["project"]) == (id_, name, project)
    return bodies


async def deliveries_of(store: CheckedStore, *columns: str) -> list[Sequence[Any]]:
    (rows,) = await store.tables.fetch(f"select {', '.join(columns)} from webhook_delivery order by id")
    return [tuple(row) for row in rows]


async def carried(store: CheckedStore, items: int = 1_000_000, **options: Any) -> list[tuple[Slice, int, str, int]]:
    """What a deliverer claims now: (slice, offset, delivery, run)."""
    claimed = await take(store, items, tasks=(TASK,), **options)
    found = []
    for one in claimed.slices:
        for offset, item in zip(one.offsets, inputs(one), strict=True):
            payload = msgspec.json.decode(item)
            found.append((one, offset, payload["delivery"], payload["run"]))
    return found


async def waiting(store: CheckedStore, endpoint: str) -> int:
    """Items of its hidden batches that have not ended."""
    query = "select coalesce(sum(total - succeeded - failed - cancelled - expired), 0) from batch where project = "
    (rows,) = await store.tables.fetch(f"{query}'{endpoint_project(endpoint)}'")
    return int(rows[0][0])


async def attempt(store: CheckedStore, delivery: str, run: int, tried: Attempted, draw: float = 0.5) -> Verdict | None:
    """As a deliverer does it; None: there was nothing to send."""
    there = Deliveries(store)
    sending = await there.begin(delivery, run)
    if sending is None:
        return None
    return await there.record(delivery, run, sending.attempt, tried, draw)


async def deliver(store: CheckedStore, tried: Attempted = OK) -> int:
    """One attempt of everything that may go now, each to its end; returns of how many."""
    found = await carried(store)
    for _, _, delivery, run in found:
        await attempt(store, delivery, run, tried)
    slices = {one.token: one for one, *_ in found}
    if slices:
        await send(store, *(succeed(one) for one in slices.values()))
    return len(found)
