"""Which connections are known. No library is imported for it: who has such a connection has imported its library."""

from __future__ import annotations

import sys
from typing import Any, Final, Literal, NamedTuple

from stook.core.errors import OptionError

__all__ = ["Kind", "check_connection", "kind_of"]

Library = Literal["psycopg", "asyncpg", "sqlite3", "aiosqlite", "sqlalchemy"]


class Kind(NamedTuple):
    """`blocking`: its calls do not have to be awaited."""

    library: Library
    blocking: bool


_KNOWN: Final[tuple[tuple[str, str, Kind], ...]] = (
    ("psycopg", "Connection", Kind("psycopg", blocking=True)),
    ("psycopg", "AsyncConnection", Kind("psycopg", blocking=False)),
    ("asyncpg", "Connection", Kind("asyncpg", blocking=False)),
    ("asyncpg.pool", "PoolConnectionProxy", Kind("asyncpg", blocking=False)),
    ("sqlite3", "Connection", Kind("sqlite3", blocking=True)),
    ("aiosqlite", "Connection", Kind("aiosqlite", blocking=False)),
    ("sqlalchemy.engine", "Connection", Kind("sqlalchemy", blocking=True)),
    ("sqlalchemy.orm", "Session", Kind("sqlalchemy", blocking=True)),
    ("sqlalchemy.orm", "scoped_session", Kind("sqlalchemy", blocking=True)),
    ("sqlalchemy.ext.asyncio", "AsyncConnection", Kind("sqlalchemy", blocking=False)),
    ("sqlalchemy.ext.asyncio", "AsyncSession", Kind("sqlalchemy", blocking=False)),
    ("sqlalchemy.ext.asyncio", "async_scoped_session", Kind("sqlalchemy", blocking=False)),
)
_NAMED: Final = (
    "known are connections of psycopg, asyncpg, sqlite3 and aiosqlite, and SQLAlchemy's Connection, Session, "
    "AsyncConnection and AsyncSession over one of them"
)


def kind_of(connection: Any) -> Kind:
    """`OptionError` for what is no connection that a verb could run on."""
    for module, name, kind in _KNOWN:
        loaded = sys.modules.get(module)
        found = None if loaded is None else getattr(loaded, name, None)
        if found is not None and isinstance(connection, found):
            return kind
    given = type(connection)
    name = given.__name__
    if any(word in name for word in ("Pool", "Engine", "Cursor", "sessionmaker")):
        raise OptionError(f"connection: a {name} is no connection", hint=f"pass one of its connections; {_NAMED}")
    raise OptionError(f"connection: {given.__module__}.{given.__qualname__} is no known connection", hint=_NAMED)


def check_connection(connection: Any, *, blocking: bool) -> Kind:
    """As `kind_of`, and `OptionError` where a blocking connection is given to a coroutine or the other way round."""
    kind = kind_of(connection)
    if kind.blocking and not blocking:
        raise OptionError(
            f"connection: a {type(connection).__name__} of {kind.library} is blocking",
            hint="use the call of the same name under app.sync",
        )
    if blocking and not kind.blocking:
        raise OptionError(
            f"connection: a {type(connection).__name__} of {kind.library} has to be awaited",
            hint="await the call of the same name on the app itself",
        )
    return kind
