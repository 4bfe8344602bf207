"""Invocations that a server carries out: checked here as in-process, and there again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from stook.client import invocation_calls as calls
from stook.core.errors import InputError, StookError, UnsupportedByBackend
from stook.core.ids import batch_of, execution_id, index_of, parse_id
from stook.core.invocation import Receipt
from stook.core.policy import TaskPolicy
from stook.wire.invocation import DebounceTerms, Invoke, InvokeItem, ThrottleTerms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stook.client.connection import Connection
    from stook.core.invocation import NewItem, Place
    from stook.engine.invoking import Asked, Series
    from stook.wire.invocation import Invoked
    from stook.wire.invocation import Receipt as Shape

__all__ = ["ANY_QUEUE", "RemoteInvokes"]

ANY_QUEUE: Final = TaskPolicy()
"""Of a task whose queue, and all else, is as the server knows it."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PART: Final = 8 * 2**20
"""Bytes of one request of several."""
_ITEMS: Final = 50_000


class RemoteInvokes:
    """As `stook.engine.invoking.Invokes` documents each; policies are the server's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def one(self, asked: Asked) -> Receipt:
        try:
            answer = await self._send(Invoke(items=[_item(asked)], single=True))
        except StookError as error:
            error.where = self._connection.server  # there is but one item
            raise
        return _receipt(answer.data[0])

    async def many(self, asked: Sequence[Asked], *, name: str | None = None) -> tuple[list[Receipt], list[bytes]]:
        try:
            answer = await self._send(Invoke(items=list(map(_item, asked)), name=name))
        except InputError as error:
            if error.message.startswith("the body has more than") or "allowed in one request" in error.message:
                error.hint = "give less in one call; with atomic=False it goes in several requests"
            raise
        return list(map(_receipt, answer.data)), [batch_of(parse_id(one)) for one in answer.batches.values()]

    async def part(self, series: Series, asked: Sequence[Asked], *, name: str | None = None) -> list[Receipt]:
        """In as many requests as it takes, each a commit."""
        receipts: list[Receipt] = []
        for some in _bites(asked):
            begun = {task: execution_id(one, 0) for task, one in series.batches.items()}
            try:
                answer = await self._send(Invoke(items=some, name=name, series=begun))
            except StookError as error:
                if error.index is not None:
                    error.index += len(receipts)
                raise
            receipts += map(_receipt, answer.data)
            series.batches.update((task, batch_of(parse_id(one))) for task, one in answer.batches.items())
        return receipts

    async def end(self, series: Series) -> list[bytes]:
        if not series.batches:
            return []
        begun = {task: execution_id(one, 0) for task, one in series.batches.items()}
        answer = await self._send(Invoke(items=[], series=begun, last=True))
        return [batch_of(parse_id(one)) for one in answer.batches.values()]

    async def plan(self, *_: object, **__: object) -> NoReturn:
        raise UnsupportedByBackend(
            "connection= joins a transaction of the store's database, and this app's store is a server",
            hint="leave it out, or give the app the database's own URL",
        )

    async def _send(self, body: Invoke) -> Invoked:
        return await self._connection.send(calls.invoke(body))


def _bites(asked: Sequence[Asked]) -> Iterator[list[msgspec.Raw]]:
    some: list[msgspec.Raw] = []
    size = 0
    for one in asked:
        item = _item(one)
        if some and (size + len(bytes(item)) > _PART or len(some) == _ITEMS):
            yield some
            some, size = [], 0
        some.append(item)
        size += len(bytes(item))
    if some:
        yield some


def _item(asked: Asked) -> msgspec.Raw:
    item, extras = asked.item, asked.item.extras
    return msgspec.Raw(
        msgspec.json.encode(
            InvokeItem(
                payload=msgspec.Raw(item.payload),
                task=asked.task,
                queue=None if asked.policy is ANY_QUEUE else asked.policy.queue,
                run_at=None if item.run_at is None else _moment(item.run_at),
                delay=_seconds(item.delay),
                priority=item.priority,
                dedupe_key=None if extras is None else extras.dedupe_key,
                dedupe=None if item.dedupe is None else item.mode,
                dedupe_ttl=_seconds(item.ttl),
                throttle=_throttle(item),
                debounce=_debounce(item),
                timeout=None if extras is None else extras.timeout,
                expires_in=_seconds(item.expires_in),
                tags=list(item.tags),
                metadata=None if extras is None else extras.metadata,
            )
        )
    )


def _moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def _seconds(span: int | None) -> float | None:
    return None if span is None else span / 1_000_000


def _throttle(item: NewItem) -> ThrottleTerms | None:
    found = item.throttle
    return None if found is None else ThrottleTerms(seconds=found.period / 1_000_000, key=found.key)


def _debounce(item: NewItem) -> DebounceTerms | None:
    found = item.debounce
    if found is None:
        return None
    longest = _seconds(found.max_wait)
    return DebounceTerms(seconds=found.period / 1_000_000, key=found.key, reset=found.reset, max_wait=longest)


def _receipt(shape: Shape) -> Receipt:
    return Receipt(_place(shape.id), shape.created, shape.reason, _place(shape.blocked_by))


def _place(text: str | None) -> Place | None:
    if text is None:
        return None
    raw = parse_id(text)
    return batch_of(raw), index_of(raw)
