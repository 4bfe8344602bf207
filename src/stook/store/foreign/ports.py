"""Each library's connection as a port. Statements and rows pass by whatever the caller has set up on it: row factories,
adapters, prepared statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stook.core.errors import OptionError
from stook.store.foreign.ask import Answer
from stook.store.foreign.rendered import plain, rendered

if TYPE_CHECKING:
    from stook.store.foreign.ask import Ask

__all__ = ["AsyncpgPort", "AwaitedPsycopgPort", "PsycopgPort"]

_IDLE: Final = 0
"""`psycopg.pq.TransactionStatus`, and of pipelines the state that is none."""


class _Psycopg:
    def __init__(self, connection: Any, cursor_class: str) -> None:
        import psycopg  # noqa: PLC0415 - only for whom it is there
        from psycopg import rows  # noqa: PLC0415
        from psycopg.types import string  # noqa: PLC0415

        if connection.pgconn.pipeline_status != _IDLE:
            raise OptionError("connection: it is in pipeline mode", hint="make the call outside the pipeline")
        self._connection = connection
        self._cursor = getattr(psycopg, cursor_class)(connection, row_factory=rows.tuple_row)
        self._cursor.adapters.register_dumper(str, string.StrDumperUnknown)
        self._cursor.adapters.register_dumper(bytes, string.BytesBinaryDumper)

    def alone(self) -> bool:
        return bool(self._connection.autocommit) and self._connection.info.transaction_status == _IDLE

    def _answer(self, rows: Any) -> Answer:
        return Answer(rows, self._cursor.rowcount)


class PsycopgPort(_Psycopg):
    def __init__(self, connection: Any) -> None:
        super().__init__(connection, "RawCursor")

    def ask(self, ask: Ask) -> Answer:
        # Nothing is prepared: the connection has room for so many, and they are the caller's.
        self._cursor.execute(ask.sql, [*map(rendered, ask.params)], prepare=False, binary=True)
        return self._answer(self._cursor.fetchall() if self._cursor.description else ())


class AwaitedPsycopgPort(_Psycopg):
    def __init__(self, connection: Any) -> None:
        super().__init__(connection, "AsyncRawCursor")

    async def ask(self, ask: Ask) -> Answer:
        await self._cursor.execute(ask.sql, [*map(rendered, ask.params)], prepare=False, binary=True)
        return self._answer(await self._cursor.fetchall() if self._cursor.description else ())


class AsyncpgPort:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def alone(self) -> bool:
        return not self._connection.is_in_transaction()

    async def ask(self, ask: Ask) -> Answer:
        params = [_storable(value) for value in ask.params]
        if not ask.counted:
            return Answer([tuple(row) for row in await self._connection.fetch(ask.sql, *params)])
        status: str = await self._connection.execute(ask.sql, *params)
        count = status.rpartition(" ")[2]
        return Answer((), int(count) if count.isdecimal() else 0)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, (list, tuple)):
        return [plain(one) if isinstance(one, str) else one for one in value]
    return value
