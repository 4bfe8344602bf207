"""Source of TypedDicts for the rows of a database's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.errors import ConfigError, UnsupportedByBackend
from stook.core.row_types import row_types

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["types_of"]


async def types_of(url: str, schemas: Sequence[str]) -> str:
    """A Python module. `ConfigError` for a schema that is not there, and where no schema has a table."""
    if not url.startswith(("postgresql:", "postgres:")):
        raise UnsupportedByBackend(
            "row types are those of PostgreSQL's tables", hint="give --dsn postgresql://user:password@host/database"
        )
    from stook.store.postgres.columns import read_columns  # noqa: PLC0415 - asks for asyncpg

    columns, types, missing = await read_columns(url, schemas)
    if missing:
        raise ConfigError(f"there is no schema {', '.join(map(repr, missing))}", hint="look at --schemas")
    if not columns:
        raise ConfigError(f"there are no tables in {', '.join(schemas)}", hint="look at --schemas")
    return row_types(columns, types)
