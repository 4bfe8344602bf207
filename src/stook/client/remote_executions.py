"""Executions of a server's project, whatever batch they are in."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from stook.client import invocation_calls as calls
from stook.client.execution import AsyncExecution
from stook.core.ids import batch_of, execution_id, index_of, parse_id
from stook.core.states import State
from stook.core.wait import Awaited
from stook.engine.execution_facts import Facts
from stook.store.script.read.ending import ItemError
from stook.wire.invocation import CancelExecutions, RetryExecutions
from stook.wire.stamp import micros

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.client.connection import Connection
    from stook.client.remote import RemoteBackend
    from stook.engine.invoked import Filter
    from stook.wire.invocation import ExecutionStatus

__all__ = ["RemoteExecutions"]

R = TypeVar("R")
_PAGE: Final = 1000
_IDS: Final = 10_000
"""Of one request."""
_LINES: Final = 50
"""Streams at once, of all who wait for results."""


class RemoteExecutions:
    """As `stook.wiring.executions.Executions` documents each."""

    def __init__(self, connection: Connection, backend: RemoteBackend) -> None:
        self._connection = connection
        self._backend = backend
        self._lines = asyncio.Semaphore(_LINES)

    async def get(self, text: str) -> Facts:
        return facts_of_status(await self._connection.send(calls.status(text)))

    async def page(self, by: Filter, *, after: str | None, limit: int) -> list[Facts]:
        """Asks again until `limit` is reached."""
        given = _words(by)
        states = given.pop("state")
        found: list[Facts] = []
        while True:
            wanted = limit if limit < 1 else min(_PAGE, limit - len(found))
            page = await self._connection.send(
                calls.find_executions(
                    **given, state=None if states is None else ",".join(states), after=after, limit=wanted
                )
            )
            found += map(facts_of_status, page.data)
            after = page.next
            if after is None or len(found) >= limit:
                return found

    async def cancel(self, ids: Sequence[str] | None, by: Filter, *, reason: str, children: bool) -> int:
        done = 0
        for some in _parts(ids):
            body = CancelExecutions(ids=some, reason=reason, cancel_children=children, **_words(by))
            done += (await self._connection.send(calls.cancel_executions(body))).affected
        return done

    async def cancel_holder(self, task: str, dedupe_key: str, *, reason: str, children: bool) -> bool:
        body = CancelExecutions(task=task, dedupe_key=dedupe_key, reason=reason, cancel_children=children)
        return bool((await self._connection.send(calls.cancel_executions(body))).affected)

    async def retry(self, ids: Sequence[str] | None, by: Filter) -> int:
        done = 0
        for some in _parts(ids):
            body = RetryExecutions(ids=some, **_words(by))
            done += (await self._connection.send(calls.retry_executions(body))).affected
        return done

    async def result(self, text: str, read: Callable[[bytes], R], timeout: float | None, *, prunes: bool) -> R:  # noqa: ARG002 - the server knows
        raw = parse_id(text)
        begun = self._connection.clock()
        async with self._lines:
            left = None if timeout is None else max(0.0, timeout - (self._connection.clock() - begun))
            backend = self._backend
            return await AsyncExecution(backend, backend, batch_of(raw), index_of(raw), read).result(left)


def _parts(ids: Sequence[str] | None) -> list[list[str] | None]:
    if ids is None:
        return [None]
    return [list(ids[at : at + _IDS]) for at in range(0, len(ids), _IDS)]


def _words(by: Filter) -> dict[str, Any]:
    return {
        "task": by.task,
        "queue": by.queue,
        "state": None if by.states is None else sorted(one.name for one in by.states),
        "tag": by.tag,
        "batch_id": None if by.batch_id is None else execution_id(by.batch_id, 0),
        "dedupe_key": by.dedupe_key,
    }


def facts_of_status(status: ExecutionStatus) -> Facts:
    given = msgspec.structs.asdict(status)
    state = given["state"] = State[status.state]
    error = status.error
    given["error"] = (
        None
        if error is None
        else ItemError(error.code, error.type, error.message, error.fingerprint, error.traceback or "")
    )
    given["result"] = bytes(status.result) if state is State.succeeded else None
    for name in ("run_at", "created_at", "started_at", "finished_at"):
        given[name] = _at(given[name])
    given["tags"] = tuple(status.tags)
    given["waiting_on"] = [
        Awaited(one.key, one.kind, micros(datetime.fromisoformat(one.at)), _at(one.due_at), one.child_id, one.event)  # type: ignore[arg-type]
        for one in status.waiting_on
    ]
    return Facts(**given)


def _at(stamp: str | None) -> int | None:
    return None if stamp is None else micros(datetime.fromisoformat(stamp))
