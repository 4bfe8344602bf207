"""Any verb of the store on a connection that the caller owns: inside its transaction, with its fate."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from stook.core.errors import OptionError, StookError
from stook.store.foreign.ask import ask_awaited, ask_blocking
from stook.store.foreign.kinds import check_connection, kind_of
from stook.store.foreign.ports import AsyncpgPort, AwaitedPsycopgPort, PsycopgPort
from stook.store.foreign.postgres import on_postgres
from stook.store.foreign.sqlite import on_sqlite
from stook.store.foreign.unwrap import unwrap_awaited, unwrap_blocking

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.foreign.ask import AwaitedPort
    from stook.store.statement import Script

__all__ = ["Foreign"]

P = ParamSpec("P")
T = TypeVar("T")
SCHEMA: Final = "stook"


class Foreign:
    """A connection of the caller's to write on, in the manner of a store.

    What a verb writes belongs to the transaction under way there and is seen, and wakes workers, when the caller
    commits; rolled back, nothing of it was. Neither is ever done here, unless the connection commits each statement by
    itself: then the verb is a transaction of its own. A verb that raises undoes itself alone and leaves the
    transaction usable; no setting of the connection is another afterwards.

    Raises `OptionError` for what is no known connection, `NotInstalled` for a database without stook's schema,
    `StoreError`s for what the database refuses. Nothing is retried. `clock` replaces the database's, in tests.
    """

    def __init__(self, connection: Any, *, schema: str = SCHEMA, clock: Callable[[], int] | None = None) -> None:
        kind_of(connection)
        self._connection = connection
        self._schema = schema
        self._clock = clock

    async def write(self, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """On a connection that is awaited."""
        library = check_connection(self._connection, blocking=False).library
        connection = await unwrap_awaited(self._connection) if library == "sqlalchemy" else self._connection
        library = kind_of(connection).library
        if library == "aiosqlite":
            return await _on_its_thread(connection, lambda: verb(*args, **kwargs), self._clock)
        port: AwaitedPort = AsyncpgPort(connection) if library == "asyncpg" else AwaitedPsycopgPort(connection)
        asking = on_postgres(lambda: verb(*args, **kwargs), schema=self._schema, clock=self._clock, alone=port.alone())
        return await ask_awaited(asking, port)

    def write_blocking(self, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """On a connection that is not, in the calling thread."""
        library = check_connection(self._connection, blocking=True).library
        connection = unwrap_blocking(self._connection) if library == "sqlalchemy" else self._connection
        if kind_of(connection).library == "sqlite3":
            return on_sqlite(connection, lambda: verb(*args, **kwargs), clock=self._clock)
        port = PsycopgPort(connection)
        asking = on_postgres(lambda: verb(*args, **kwargs), schema=self._schema, clock=self._clock, alone=port.alone())
        return ask_blocking(asking, port)


async def _on_its_thread(connection: Any, make: Callable[[], Script[T]], clock: Callable[[], int] | None) -> T:
    """The connection of aiosqlite lives on a thread, and its cursors go there like this. The verb takes one way."""
    try:
        cursor = await connection.cursor()
        raw = cursor.connection
        await cursor.close()
        answer: T = await connection._execute(partial(on_sqlite, raw, make, clock=clock))  # noqa: SLF001 - as its cursors do
    except StookError:
        raise
    except ValueError as error:  # it is closed, or was never opened
        raise OptionError(f"connection: {error}") from error
    return answer
