"""The user's tables, as the server's catalogue has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.row_types import Column, DatabaseType
from stook.store.postgres.connect import connect, place_of
from stook.store.postgres.errors import translate

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["read_columns"]

_CONNECT_SECONDS: Final = 30.0
_SCHEMAS: Final = "select nspname::text from pg_catalog.pg_namespace where nspname = any($1::text[])"
_COLUMNS: Final = """
select n.nspname::text, c.relname::text, a.attname::text, a.atttypid::bigint, not (a.attnotnull or t.typnotnull)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_catalog.pg_type t on t.oid = a.atttypid
where n.nspname = any($1::text[]) and c.relkind in ('r', 'p') and not c.relispartition
order by array_position($1::text[], n.nspname::text), c.relname, a.attnum"""
_TYPES: Final = """
select t.oid::bigint, t.typname::text, t.typtype::text, t.typbasetype::bigint,
       (case when t.typcategory = 'A' then t.typelem else 0 end)::bigint,
       array(select e.enumlabel::text from pg_catalog.pg_enum e where e.enumtypid = t.oid order by e.enumsortorder)
from pg_catalog.pg_type t"""


async def read_columns(url: str, schemas: Sequence[str]) -> tuple[list[Column], dict[int, DatabaseType], list[str]]:
    """Of all tables in `schemas`, in their order and then by name; the types they need; and the schemas that are not
    there. stook itself need not be installed. `StoreUnavailable` and the like say what is wrong with the server."""
    try:
        connection = await connect(url, "pg_catalog", timeout=_CONNECT_SECONDS, warm=False)
        try:
            there = {row[0] for row in await connection.fetch(_SCHEMAS, list(schemas))}
            columns = [Column(*row) for row in await connection.fetch(_COLUMNS, list(schemas))]
            types = {row[0]: DatabaseType(*tuple(row)[1:]) for row in await connection.fetch(_TYPES)}
        finally:
            await connection.close()
    except Exception as error:
        known = translate(error, place_of(url))
        if known is None:
            raise
        raise known from None
    return columns, types, [one for one in schemas if one not in there]
