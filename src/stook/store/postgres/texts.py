"""The SQL by name, and which writes may travel together.

Nobody waits for the answer of a `Many`. So writes are held back and sent as one statement, each in a `with` clause of
its own: a flush of states, outcomes, leases and counters is one round trip instead of four. All clauses see the tables
as they were before the statement, so only writes that have nothing to do with each other's tables share one.
"""

from __future__ import annotations

import re
from functools import cache

import msgspec

from stook.store.migrations import migrations
from stook.store.statements import load

__all__ = ["Text", "apart", "merged", "texts"]

_PACKAGE = "stook.store.postgres"
_CREATED = re.compile(r"\bcreate table (\w+)")
_MENTIONED = re.compile(r"\b(?:from|join|into|update)\s+(\w+)")
_CHANGED = re.compile(r"\b(?:insert into|update|delete from)\s+(\w+)")
_PARAMETER = re.compile(r"\$(\d+)")
_COMMENT = re.compile(r"--[^\n]*")
_RECEIPT = "insert into receipt (slot, mark) values ($1, $2) on conflict (slot) do update set mark = $2, at = now()"
_PLAIN_INSERT = re.compile(r"insert into \w+ \(([\w\s,]+)\)\s*select \* from unnest\([^()]*\)")


class Text(msgspec.Struct, frozen=True):
    """`tables` are those it reads or changes, `target` the one it changes. `clocked`: its last column is the
    database's clock, read once the rows are locked. `columns`: it only inserts its parameters into these, as COPY
    could."""

    name: str
    sql: str
    params: int
    tables: frozenset[str]
    target: str | None
    clocked: bool
    columns: tuple[str, ...] | None


@cache
def texts() -> dict[str, Text]:
    tables = {name for step in migrations(_PACKAGE) for name in _CREATED.findall(step.sql)}
    return {name: _text(name, sql, tables) for name, sql in load(_PACKAGE).items()}


def _text(name: str, raw: str, tables: set[str]) -> Text:
    sql = _COMMENT.sub("", raw).strip().removesuffix(";")
    plain = _PLAIN_INSERT.fullmatch(sql)
    changed = [table for table in _CHANGED.findall(sql) if table in tables]
    return Text(
        name=name,
        sql=sql,
        params=max((int(number) for number in _PARAMETER.findall(sql)), default=0),
        tables=frozenset(_MENTIONED.findall(sql)) & tables,
        target=changed[0] if changed else None,
        clocked="clock_timestamp()" in sql,
        columns=tuple(plain[1].replace(",", " ").split()) if plain else None,
    )


def apart(one: Text, other: Text) -> bool:
    """Neither sees or changes what the other changes: their order does not matter."""
    return one.target not in other.tables and other.target not in one.tables


@cache
def merged(names: tuple[str, ...], *, receipt: bool) -> str:
    """One statement that makes these writes, parameters one after the other. With `receipt` it also notes its
    transaction: slot and mark are the last parameters."""
    clauses, before = [], 0
    for place, name in enumerate(names):
        text = texts()[name]
        clauses.append(f"w{place} as ({_shifted(text.sql, before)})")
        before += text.params
    writes = f"with {', '.join(clauses)} " if clauses else ""
    return writes + (_shifted(_RECEIPT, before) if receipt else "select")


def _shifted(sql: str, by: int) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + by}", sql) if by else sql
