"""Driving a verb over one PostgreSQL connection, with as few round trips as its answers allow."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeVar, assert_never

from stook.store.postgres.texts import apart, merged, texts
from stook.store.statement import All, Each, Guard, Many, Notify, Now, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.store.postgres.texts import Text
    from stook.store.statement import Row, Script, Statement

__all__ = ["Transaction"]

T = TypeVar("T")
_NOW = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"
_GUARD = "select pg_advisory_xact_lock(key) from unnest($1::bigint[]) key"


class Transaction:
    """One run of one verb. Afterwards `topics` are to be notified; after a failure, `committing` says that the commit
    had been sent and `xid` is what the server knows the transaction by, if it wrote anything."""

    def __init__(self, connection: Any, schema: str, clock: Callable[[], int] | None, *, begin: str = "begin") -> None:
        self.topics: set[str] = set()
        self.xid: int | None = None
        self.committing = False
        self.begun = False
        self._connection = connection
        self._schema = schema
        self._clock = clock
        self._begin = begin
        self._now: int | None = None
        self._held_back: list[tuple[Text, Sequence[Row]]] = []

    async def run(self, script: Script[T]) -> T:
        """The verb's answer, once it is committed. The caller rolls back what raises."""
        answer: Any = None
        try:
            while True:
                try:
                    statement = script.send(answer)
                except StopIteration as done:
                    result: T = done.value
                    break
                answer = await self._answer(statement)
            await self._flush()
            if self.begun:
                self.committing = True
                await self._connection.execute("commit")
        finally:
            script.close()
        return result

    async def _answer(self, statement: Statement) -> Any:
        match statement:
            case All(name, params):
                return await self._rows(texts()[name], params)
            case Each(name, rows):
                return await self._rows(texts()[name], list(zip(*rows, strict=True))) if rows else []
            case Many(name, rows):
                if rows:
                    await self._hold_back(texts()[name], list(zip(*rows, strict=True)))
            case Run(name, params):
                return await self._count(texts()[name], params)
            case Now():
                return await self._time()
            case Guard(names):
                if names:
                    await self._guard(names)
            case Notify(names):
                self.topics.update(names)
            case _:
                assert_never(statement)
        return None

    async def _rows(self, text: Text, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        await self._before(text)
        rows = await self._connection.fetch(text.sql, *params)
        if not text.clocked:
            return [tuple(row) for row in rows]
        if rows:
            self._now = rows[-1][-1]
        return [row[:-1] for row in rows]

    async def _count(self, text: Text, params: Sequence[Any]) -> int:
        await self._before(text)
        status: str = await self._connection.execute(text.sql, *params)
        return int(status.rpartition(" ")[2])

    async def _hold_back(self, text: Text, params: Sequence[Row]) -> None:
        if not all(apart(text, other) for other, _ in self._held_back):
            await self._flush()
        self._held_back.append((text, params))

    async def _before(self, text: Text) -> None:
        if self._held_back and not all(apart(text, other) for other, _ in self._held_back):
            await self._flush()
        if not self.begun:
            await self._start()

    async def _flush(self) -> None:
        if not self._held_back:
            return
        if not self.begun:
            await self._start()
        writes, self._held_back = self._held_back, []
        sql = merged(tuple(text.name for text, _ in writes))
        rows = await self._connection.fetch(sql, *(column for _, params in writes for column in params))
        self.xid = rows[0][0]

    async def _start(self) -> None:
        await self._connection.execute(self._begin)
        self.begun = True

    async def _time(self) -> int:
        if self._clock is not None:
            return self._clock()
        if self._now is None:
            rows = await self._connection.fetch(_NOW)
            self._now = rows[0][0]
        return self._now

    async def _guard(self, names: Sequence[str]) -> None:
        if not self.begun:
            await self._start()
        await self._connection.fetch(_GUARD, sorted({self._key(name) for name in names}))

    def _key(self, name: str) -> int:
        digest = blake2b(f"{self._schema}:{name}".encode(errors="surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)
