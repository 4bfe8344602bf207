"""Events for webhooks, their deliveries and the executions that carry them, in the transaction that makes them true.

Lock order: whatever the verb holds (batches, leases, states, segments); behind it endpoints are only looked at, and
rows only inserted: a settlement never waits for a delivery. An endpoint that is disabled meanwhile leaves what this
inserts to `begin`, which finds it so.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.ids import execution_id
from stook.core.picks import pack
from stook.core.states import State
from stook.core.webhook_events import (
    EXECUTION_EVENTS,
    MOST_BYTES,
    WORKFLOW_EVENTS,
    Wants,
    body_of,
    error_of,
    sent_id,
    timestamp,
    workflow_of,
)
from stook.store.script.carry import carry
from stook.store.script.dedupe import CALLER_KEYS
from stook.store.script.workflow_events import write_workflow_ends
from stook.store.statement import Each, Many, Notify, Now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stook.store.script.batch_news import Ended
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["Ids", "Origin", "Outbox", "announce", "subscribers", "write_ends", "write_news"]

AT_ONCE: Final = 2000
"""Executions that end without having run (a batch is cancelled, or expires): of more than so many in one transaction
the events are written afterwards, in bites, from rows that this transaction leaves."""


class Ids:
    """Of the events and deliveries of one transaction, in order, by the time."""

    def __init__(self, now: int) -> None:
        self._ms, self._salt, self._count = now // 1000, secrets.randbits(56), 0

    def __call__(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._ms:012x}{self._count:06x}{self._salt:014x}"


class Origin(msgspec.Struct, frozen=True):
    """What an event is about. `named`: endpoints that the batch names. `task` None: of no batch."""

    project: str
    batch_id: bytes | None = None
    task: str | None = None
    named: str | None = None
    keyed: bool = False


class _Subscriber(msgspec.Struct):
    wants: Wants
    enabled: bool


class Outbox:
    """Gathers the events of one transaction for those who want them; `write` inserts all at once."""

    def __init__(self, endpoints: dict[str, list[_Subscriber]], now: int) -> None:
        self._endpoints = endpoints
        self._now = now
        self._ids = Ids(now)
        self._events: list[tuple[object, ...]] = []
        self._deliveries: list[tuple[object, ...]] = []
        self._runs: dict[str, list[tuple[str, int]]] = {}

    def wanting(self, name: str, origin: Origin, *, but: str | None = None) -> list[_Subscriber]:
        named = () if origin.named is None else msgspec.json.decode(origin.named, type=list[str])
        there = self._endpoints.get(origin.project, ())
        return [one for one in there if one.wants.id != but and one.wants.event(name, origin.task, named)]

    def add(
        self,
        name: str,
        origin: Origin,
        at: int,
        data: dict[str, Any],
        wanting: Iterable[_Subscriber],
        index: int | None = None,
    ) -> None:
        def body_under(event_id: str) -> bytes:
            body = body_of(event_id, name, at, origin.project, data)
            if len(body) > MOST_BYTES and "execution" in data:
                body = body_of(event_id, name, at, origin.project, {"execution": _redacted(data["execution"])})
            return body

        self.put(name, origin, at, body_under, wanting, index)

    def put(
        self,
        name: str,
        origin: Origin,
        at: int,
        body_under: Callable[[str], bytes],
        wanting: Iterable[_Subscriber],
        index: int | None,
    ) -> None:
        """`body_under`: the body, under the id that receivers see."""
        event_id = self._ids("evt")
        body = body_under(sent_id(event_id, name))
        about = (origin.project, name, origin.batch_id, index)
        self._events.append((event_id, *about, origin.task, origin.named, body, at))
        for one in wanting:
            if one.enabled:
                delivery_id, to = self._ids("dlv"), one.wants.id
                self._deliveries.append((delivery_id, event_id, to, *about, self._now))
                self._runs.setdefault(to, []).append((delivery_id, 1))

    def write(self) -> Script[None]:
        if self._events:
            yield Many("insert_webhook_event", self._events)
        if self._deliveries:
            yield Many("insert_webhook_delivery", self._deliveries)
            yield from carry(self._runs, self._now)


def subscribers(projects: Iterable[str]) -> Script[dict[str, list[_Subscriber]]]:
    """By project; those that are disabled too."""
    rows: list[Row] = yield Each("webhook_subscribers", [(project,) for project in sorted(set(projects))])
    found: dict[str, list[_Subscriber]] = {}
    for project, id_, mask, tasks, reach, status in sorted(map(tuple, rows)):
        wants = Wants(id_, mask, msgspec.json.decode(tasks, type=list[str]), reach == "named")
        found.setdefault(project, []).append(_Subscriber(wants, status == "enabled"))
    return found


def write_news(batches: Sequence[BatchRow]) -> Script[None]:
    """Of batches whose rows are held: everything noted since they were read, once."""
    told = [(batch, batch.news) for batch in batches if batch.news is not None]
    if not told:
        return
    for batch, _ in told:
        batch.news = None
    endpoints = yield from subscribers(batch.project for batch, _ in told)
    now: int = yield Now()
    outbox = Outbox(endpoints, now)
    backlog: list[tuple[object, ...]] = []
    for batch, news in told:
        origin = Origin(batch.project, batch.id, batch.task, batch.webhooks, bool(batch.keyed & CALLER_KEYS))
        later = [one for one in news.ended if not one.attempt and one.results is None]
        if sum(len(one.offsets) for one in later) > AT_ONCE:
            backlog += [_backlog(origin, one) for one in later if _wanted(outbox, one.state, origin)]
            news.ended = [one for one in news.ended if one.attempt or one.results is not None]
        yield from write_ends(outbox, origin, news.ended, news.errors)
        for one in news.of_batch:
            if wanting := outbox.wanting(one.name, origin):
                outbox.add(one.name, origin, one.at, {"batch": one.data}, wanting)
    yield from outbox.write()
    if backlog:
        yield Many("insert_webhook_backlog", backlog)
        yield Notify(("timer",))


def write_ends(
    outbox: Outbox, origin: Origin, ends: Sequence[Ended], errors: dict[int, tuple[str, str, str]]
) -> Script[None]:
    """One event per execution, in the order in which they ended; of hosted workflows theirs beside it."""
    if origin.task is not None and workflow_of(origin.task) is not None:
        yield from write_workflow_ends(outbox, origin, ends, errors)
    chosen = [(one, wanting) for one in ends if (wanting := outbox.wanting(EXECUTION_EVENTS[one.state], origin))]
    if not chosen:
        return
    assert origin.batch_id is not None
    keys: dict[int, list[str | None]] = {}
    if origin.keyed:
        places = [(origin.batch_id, first) for first in sorted({one.first for one, _ in chosen})]
        rows: list[Row] = yield Each("webhook_keys", places)
        keys = {first: msgspec.json.decode(text) for first, text in rows if text is not None}
    public_id = execution_id(origin.batch_id, 0)
    for one, wanting in chosen:
        name, found = EXECUTION_EVENTS[one.state], keys.get(one.first)
        for place, offset in enumerate(one.offsets):
            index = one.first + offset
            data: dict[str, Any] = {
                "id": execution_id(origin.batch_id, index),
                "batch_id": public_id,
                "index": index,
                "key": found[offset] if found is not None else None,
                "task": origin.task,
                "state": one.state.name,
                "attempts": one.attempt,
                "round": one.round,
                "result": None if one.results is None else msgspec.Raw(one.results[place]),
                "error": None if one.state is not State.failed else error_of(*errors[index]),
                "finished_at": timestamp(one.at),
            }
            if place in one.redacted:
                data = _redacted(data)
            outbox.add(name, origin, one.at, {"execution": data}, wanting, index)


def announce(project: str, name: str, data: dict[str, Any], now: int, *, but: str) -> Script[None]:
    """An event of no batch, to all of the project's endpoints that want it but one."""
    endpoints = yield from subscribers((project,))
    outbox, origin = Outbox(endpoints, now), Origin(project)
    if wanting := outbox.wanting(name, origin, but=but):
        outbox.add(name, origin, now, data, wanting)
        yield from outbox.write()


def _wanted(outbox: Outbox, state: State, origin: Origin) -> bool:
    names = (EXECUTION_EVENTS[state], *(WORKFLOW_EVENTS if workflow_of(origin.task or "") is not None else ()))
    return any(outbox.wanting(name, origin) for name in names)


def _backlog(origin: Origin, one: Ended) -> tuple[object, ...]:
    lo, hi = one.offsets[0], one.offsets[-1] + 1
    picks = None if hi - lo == len(one.offsets) else pack(one.offsets)
    place = (one.first, lo, hi, picks)
    return (origin.batch_id, origin.project, origin.task, origin.named, *place, int(one.state), one.round, one.at)


def _redacted(execution: dict[str, Any]) -> dict[str, Any]:
    return {**execution, "result": None, "redacted": True}
