"""The trigger that tells of a table's changes: put there, and taken off."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from stook.core.errors import ConfigError, UnsupportedByBackend
from stook.store.statement import All

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["Watched", "unwatch_rows", "watch_rows"]


class Watched(NamedTuple):
    """Wanted of a table, `schema.table`: that it has these columns, and tells of its changes."""

    source: str
    columns: tuple[str, ...]


def watch_rows(one: Watched) -> Script[bool]:
    """False: others hold the table so that no trigger can be made now; call again. The table is locked for a moment
    where the trigger is missing, and not at all where it is there. `ConfigError` for a table or column that is not."""
    schema, _, table = one.source.partition(".")
    rows: list[Row] = yield All("watch_rows", (schema, table, msgspec.json.encode(one.columns).decode()))
    answer: str = rows[0][0]
    what, _, detail = answer.partition(": ")
    match what:
        case "watched":
            return True
        case "locked":
            return False
        case "no column":
            raise ConfigError(f"OnRow: the table {one.source} has no column {detail!r}", hint="look at columns=")
        case "unsupported":
            raise UnsupportedByBackend(
                f"OnRow: SQLite tells nobody of the changes of {one.source}", hint="use a PostgreSQL store"
            )
        case _:
            raise ConfigError(
                f"OnRow: there is no table {one.source}{': ' if detail else ''}{detail}",
                hint="write schema and table as the database has them, like public.orders",
            )


def unwatch_rows() -> Script[tuple[str, bool] | None]:
    """Of one table, and whether it could be done now; None: no table has the trigger any more."""
    rows: list[Row] = yield All("unwatch_rows")
    return (rows[0][0], rows[0][1] == "removed") if rows else None
