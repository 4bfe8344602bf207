"""The driver's connection below SQLAlchemy's, in the caller's transaction.

A statement goes through SQLAlchemy first. So it begins its transaction where there is none yet, as it would for the
caller's own first statement, and its commit is one that reaches the database.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from stook.core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["unwrap_awaited", "unwrap_blocking"]

_OPEN = "select 1"


def unwrap_blocking(given: Any) -> Any:
    from sqlalchemy.engine import Connection  # noqa: PLC0415 - only for whom it is there

    with _told():
        connection: Any = given if isinstance(given, Connection) else given.connection()
        if connection.dialect.is_async:
            raise OptionError(
                "connection: a Session within `run_sync` has to be awaited",
                hint="await the call on the app itself, with the AsyncSession or AsyncConnection",
            )
        connection.exec_driver_sql(_OPEN)
        return connection.connection.driver_connection


async def unwrap_awaited(given: Any) -> Any:
    from sqlalchemy.ext.asyncio import AsyncConnection  # noqa: PLC0415 - as above

    with _told():
        connection: Any = given if isinstance(given, AsyncConnection) else await given.connection()
        await connection.exec_driver_sql(_OPEN)
        return (await connection.get_raw_connection()).driver_connection


@contextlib.contextmanager
def _told() -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - as above

    try:
        yield
    except SQLAlchemyError as error:
        first = str(error).partition("\n")[0]
        raise OptionError(f"connection: SQLAlchemy refuses to use it: {first}") from error
