"""Every table of a PostgreSQL store full, and how many rows a statement looks at then: that does not hang on the plan
that a server happens to choose, only on whether it needs the index made for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.contract.test_plans import postgres_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.contract.checked_store import CheckedStore

__all__ = ["BATCH", "EACH", "crowded_rows"]

EACH = 8
"""Rows of one batch and of one project, in each table that has such a column."""
_OWNERS = 250
_OWNER = f"(n % {_OWNERS})"
BATCH = bytes(15) + b"\1"
"""One of those batches; projects are p0 to p249."""

_OURS = "relnamespace = 'stook'::regnamespace"
_STATISTICS = {
    "of none": f"delete from pg_statistic using pg_class c where c.oid = starelid and c.{_OURS};"
    f"update pg_class set reltuples = -1, relpages = 0 where {_OURS}",
    "of an empty night": f"update pg_class set reltuples = 0, relpages = 0 where {_OURS}",
    "of now": "analyze",
}
_VALUES = {
    "bytea": "decode(lpad(to_hex(n), 32, '0'), 'hex')",
    "double precision": "n",
    "text": "'x' || n",
    "timestamp with time zone": "now()",
}
# What is rare in a store that has run for long is rare here: one of each owner's rows.
_RARE = f"(n < {_OWNERS})"
_NAMED = {
    "batch_id": f"decode(lpad(to_hex({_OWNER}), 32, '0'), 'hex')",
    "phase": f"case when {_RARE} then 'active' else 'closed' end",
    "project": f"'p' || {_OWNER}",
    "single": "0",
    "state": f"case when {_RARE} then 'dead' else 'delivered' end",
    "held": "0",
    "total": "1",
    "endpoint_id": f"'x' || {_OWNER}",
    "delivery_id": f"'x' || {_OWNER}",
    "batch.task": f"case when {_RARE} then 'stook.webhook' else 't' end",
    "failure.final": "1",
    "outcome.hi": "n + 1",
    "outcome.state": "4",
    "outcome.count": "1",
    "segment.status": f"{_RARE}::integer",
    "segment.task": "'t'",
    "segment.lane": "''",
    "webhook_backlog.state": "4",
    "webhook_delivery.batch_id": _VALUES["bytea"],
}
_NEVER = {"migration", "meta", "receipt", "upkeep", "breaking", "orchestrator"}
"""They have a row, or a handful."""


async def crowded_rows(
    store: CheckedStore, asked: Mapping[str, tuple[Any, ...]], few: Mapping[str, int]
) -> dict[tuple[str, str], int]:
    """Fills the store. The statements of `asked` that look at more rows than `few` allows them (by default, those of
    one owner and a few), with how many these are; whatever the statistics say."""
    from stook.store.postgres.connect import connect

    execute = store.tables.connection.execute
    await _fill(store)
    many = {}
    connection = await connect(store.store.url, "stook", timeout=None)
    try:
        for statistics, statement in _STATISTICS.items():
            await execute(statement)
            for name, params in asked.items():
                rows = await postgres_rows(connection, name, params)
                if rows > few.get(name, EACH + 2):
                    many[name, statistics] = rows
    finally:
        await connection.close()
    return many


async def _fill(store: CheckedStore) -> None:
    (columns,) = await store.tables.fetch(
        "select table_name, column_name, data_type from information_schema.columns"
        " where table_schema = 'stook' and is_identity = 'NO'"
    )
    tables: dict[str, dict[str, str]] = {}
    for table, column, kind in columns:
        if table not in _NEVER:
            value = _NAMED.get(f"{table}.{column}") or _NAMED.get(column) or _VALUES.get(kind, "n")
            tables.setdefault(table, {})[column] = f"({value})::{kind}"
    series = f"generate_series(0, {_OWNERS * EACH - 1}) n"
    for table, values in tables.items():
        await store.tables.connection.execute(
            f"insert into {table} ({', '.join(values)}) select {', '.join(values.values())} from {series}"
            " on conflict do nothing"
        )
