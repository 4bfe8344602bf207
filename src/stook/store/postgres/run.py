"""Driving a verb over one PostgreSQL connection, with as few round trips as its answers allow.

Now                 the clock column of a statement that locked rows before it; else a statement of its own
All, Each, Run      sent at once; before them the writes held back that they could notice
Many                held back, sent with others as one statement (`texts.merged`) or, when it is large, as COPY
the verb's end      what is still held back, then `commit`
Shortcut            one statement that is the whole transaction, if it finds what it is for

`begin` waits for what has to stay: a lock, or a change that is not the last statement. Looks before it see what they
would see behind it, each the moment it is made. A verb that looks and then writes once is a statement on its own,
without `begin` and `commit`; so is a lock that is seldom found, unless it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, assert_never

from stook.store.postgres.guards import key_of
from stook.store.postgres.library import asyncpg
from stook.store.postgres.texts import apart, merged, shortcuts, texts
from stook.store.statement import All, Each, Guard, Many, Notify, Now, Run, Shortcut, TryGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.store.postgres.texts import Text
    from stook.store.statement import Row, Script, Statement

__all__ = ["READ", "WRITE", "NeedsTransaction", "Transaction"]

T = TypeVar("T")
READ: Final = "begin isolation level repeatable read, read only"
WRITE: Final = "begin"
_NOW: Final = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"
_GUARD: Final = "select pg_advisory_xact_lock(key) from unnest($1::bigint[]) key"
_TRY_GUARD: Final = "select key from unnest($1::bigint[]) key where pg_try_advisory_xact_lock(key)"
COPY_ROWS: Final = 300
COPY_BYTES: Final = 512 * 1024
"""From here on COPY is worth its own round trips: its rows are stored while the next are still on their way."""


class NeedsTransaction(Exception):
    """A verb run without one asked for a second statement, or for a change. Nothing has happened."""


class Transaction(Generic[T]):
    """One run of one verb: its `answer`, and `topics` to be notified once it is committed. After a failure,
    `statement` is what was under way, `committing` says that the commit had been sent, and `receipted` that the
    transaction left a receipt: the connection's `slot` and its own `mark`. `unanswered` is a shortcut under way; one
    that is known to have taken place is given as `done`, to a verb that runs again for the answer.

    `begin` None: a single reading statement, in no transaction. `plain` replaces what no text column can hold by
    U+FFFD."""

    answer: T

    def __init__(
        self,
        connection: Any,
        *,
        schema: str,
        clock: Callable[[], int] | None,
        slot: int = 0,
        mark: int = 0,
        begin: str | None = WRITE,
        plain: bool = False,
        done: Shortcut | None = None,
    ) -> None:
        self.topics: set[str] = set()
        self.slot = slot
        self.mark = mark
        self.receipted = False
        self.committing = False
        self.unanswered: Shortcut | None = None
        self.statement: str | None = None
        self._begun = False
        self._sent = 0
        self.connection = connection
        self._schema = schema
        self._clock = clock
        self._begin = begin
        self._plain = plain
        self._done = done
        self._now: int | None = None
        self._held_back: list[tuple[Text, Sequence[Row]]] = []

    async def run(self, script: Script[T]) -> None:
        """Returns when it is committed. The caller rolls back what raises."""
        answer: Any = None
        try:
            while True:
                try:
                    statement = script.send(answer)
                except StopIteration as done:
                    self.answer = done.value
                    break
                answer = await self._answer(statement)
            await self._flush(last=True)
            if self._begun:
                self.statement, self.committing = "commit", True
                await self.connection.execute("commit")
        finally:
            script.close()

    async def _answer(self, statement: Statement) -> Any:  # noqa: C901 - a case for each kind
        match statement:
            case All(name, params):
                return await self._rows(texts()[name], texts()[name].sql, params)
            case Each(name, rows):
                return await self._rows(texts()[name], *_sent_as(texts()[name], rows)) if rows else []
            case Many(name, rows):
                if rows:
                    await self._hold_back(texts()[name], rows)
            case Run(name, params):
                return await self._count(texts()[name], params)
            case Now():
                return await self._time()
            case Guard(names):
                await self._guard(names)
            case TryGuard(names):
                return await self._try_guard(names)
            case Shortcut():
                return await self._take(statement)
            case Notify(names):
                self.topics.update(names)
            case _:
                assert_never(statement)
        return None

    async def _take(self, shortcut: Shortcut) -> list[tuple[Any, ...]] | None:
        if self._done is not None:
            again = self._done.again
            if again is None:
                return []
            return [tuple(row) for row in await self.connection.fetch(shortcuts()[again[0]], *again[1])]
        self.statement, self.unanswered = shortcut.name, shortcut
        self.receipted = self.committing = True
        now = None if self._clock is None else self._clock()
        guards = () if shortcut.guards is None else ([key_of(self._schema, name) for name in shortcut.guards],)
        params = (*self._storable(shortcut.params), *guards, now, self.slot, self.mark)
        try:
            rows = await self.connection.fetch(shortcuts()[shortcut.name], *params)
        except asyncpg.DivisionByZeroError:  # what it found had changed once it was locked
            rows = []
        self.unanswered = None
        if rows:
            return [tuple(row) for row in rows]
        self.receipted = self.committing = False
        return None

    async def _guard(self, names: Sequence[str]) -> None:
        if names:
            await self._start()
            await self.connection.fetch(_GUARD, sorted({key_of(self._schema, name) for name in names}))

    async def _try_guard(self, names: Sequence[str]) -> frozenset[str]:
        if not names:
            return frozenset()
        await self._start()
        keys = {name: key_of(self._schema, name) for name in names}
        free = {row[0] for row in await self.connection.fetch(_TRY_GUARD, sorted(set(keys.values())))}
        return frozenset(name for name, key in keys.items() if key in free)

    async def _rows(self, text: Text, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        await self._before(text)
        rows = await self.connection.fetch(sql, *self._storable(params))
        if rows and text.locks and not self._begun and self._begin is not None:
            await self._start(lasting=True)  # what it has found is not locked any more
            rows = await self.connection.fetch(sql, *self._storable(params))
        if not text.clocked:
            return [tuple(row) for row in rows]
        if rows:
            self._now = rows[-1][-1]
        return [row[:-1] for row in rows]

    async def _count(self, text: Text, params: Sequence[Any]) -> int:
        await self._before(text)
        status: str = await self.connection.execute(text.sql, *self._storable(params))
        return int(status.rpartition(" ")[2])

    async def _hold_back(self, text: Text, rows: Sequence[Row]) -> None:
        if not all(apart(text, other) for other, _ in self._held_back):
            await self._flush()
        self._held_back.append((text, rows))

    async def _before(self, text: Text) -> None:
        if self._held_back and not all(apart(text, other) for other, _ in self._held_back):
            await self._flush()
        changes = text.target is not None
        await self._start(changes=changes, lasting=changes or (text.locks and not text.seldom))
        self.statement = text.name

    async def _flush(self, *, last: bool = False) -> None:
        if not self._held_back:
            return
        alone = last and not any(text.columns is not None and _is_large(rows) for text, rows in self._held_back)
        await self._start(changes=True, lasting=not alone)
        together: list[tuple[Text, Sequence[Row]]] = []
        for text, rows in self._held_back:
            if text.columns is not None and _is_large(rows):
                self.statement = text.name
                records = [self._storable(row) for row in rows] if self._plain else rows
                await self.connection.copy_records_to_table(
                    text.target, records=records, columns=text.columns, schema_name=self._schema
                )
            else:
                together.append((text, rows))
        self._held_back = []
        self.statement = ", ".join(text.name for text, _ in together) or self.statement
        writes: list[tuple[str, int]] = []
        params: list[Any] = []
        for text, rows in together:
            sql, given = _sent_as(text, rows)
            writes.append((sql, text.params))
            params += self._storable(given)
        if not self.receipted:
            params += (self.slot, self.mark)
        elif not writes:
            return
        sql = merged(tuple(writes), receipt=not self.receipted)
        if not self._begun:
            self.receipted = self.committing = True
        await self.connection.fetch(sql, *params)
        self.receipted = True

    async def _start(self, *, changes: bool = False, lasting: bool = True) -> None:
        """`lasting`: the statement to come needs a transaction that goes on behind it. That of a reading verb begins
        with the first."""
        if self._begin is None:
            if self._sent or changes:
                raise NeedsTransaction
            self._sent = 1
        elif not self._begun and (lasting or self._begin is READ):
            self.statement = "begin"
            await self.connection.execute(self._begin)
            self._begun = True

    async def _time(self) -> int:
        if self._clock is not None:
            return self._clock()
        if self._now is None:
            self.statement = "now"
            rows = await self.connection.fetch(_NOW)
            self._now = rows[0][0]
        return self._now

    def _storable(self, params: Sequence[Any]) -> Sequence[Any]:
        return [_plain(value) for value in params] if self._plain else params


def _sent_as(text: Text, rows: Sequence[Row]) -> tuple[str, Sequence[Any]]:
    if len(rows) == 1 and text.for_one is not None:
        return text.for_one, rows[0]
    return text.sql, list(zip(*rows, strict=True))


def _is_large(rows: Sequence[Row]) -> bool:
    return len(rows) >= COPY_ROWS or sum(len(one) for row in rows for one in row if type(one) is bytes) >= COPY_BYTES


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")
    return tuple(_plain(one) for one in value) if isinstance(value, tuple) else value
