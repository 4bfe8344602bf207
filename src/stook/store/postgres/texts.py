"""The SQL by name: for many rows, for one, and which writes may travel together.

The files take an array per column. For a single row, as in most small claims, arrays cost more than the work: each
statement has a second form, made from its text, where `unnest($1::bigint[])` is `(values ($1::bigint))`.

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

__all__ = ["Text", "apart", "merged", "shortcuts", "texts"]

_PACKAGE = "stook.store.postgres"
_CREATED = re.compile(r"\bcreate table (\w+)")
_MENTIONED = re.compile(r"\b(?:from|join|into|update)\s+(\w+)")
_CHANGED = re.compile(r"\b(?:insert into|update|delete from)\s+(\w+)")
_PARAMETER = re.compile(r"\$(\d+)")
_COMMENT = re.compile(r"--[^\n]*")
_LOCKS = re.compile(r"\bfor (?:update|no key update|share|key share)\b|\bset_config\b")
_SELDOM = "-- Seldom finds anything."
# Where the slot was given up meanwhile (`verbs`), it divides by zero: then nothing of the statement has happened.
_RECEIPT = (
    "insert into receipt (slot, mark) values ($1, $2) on conflict (slot) do update"
    " set mark = $2 / (receipt.mark >= 0)::integer, at = now()"
)
_UNNEST = re.compile(r"unnest\(([^()]*)\)(\s+as\b)?")
_ANY = re.compile(r"= any\((\$\d+::[\w ]+)\[\]\)")
_FIRST = re.compile(r"\((\$\d+::[\w ]+)\[\]\)\[1\]")
_PLAIN_INSERT = re.compile(r"insert into \w+ \(([\w\s,]+)\)\s*select \* from unnest\([^()]*\)")


class Text(msgspec.Struct, frozen=True):
    """`tables` are those it reads or changes, `target` the one it changes. `clocked`: its last column is the
    database's clock, read once the rows are locked. `columns`: it only inserts its parameters into these, as COPY
    could. `for_one` takes the values of one row instead of arrays. `locks`: what it finds stays locked to the end of
    the transaction; `seldom`: mostly it finds nothing."""

    name: str
    sql: str
    params: int
    tables: frozenset[str]
    target: str | None
    for_one: str | None
    clocked: bool
    columns: tuple[str, ...] | None
    locks: bool
    seldom: bool


@cache
def texts() -> dict[str, Text]:
    tables = {name for step in migrations(_PACKAGE) for name in _CREATED.findall(step.sql)}
    return {name: _text(name, sql, tables) for name, sql in load(_PACKAGE).items()}


@cache
def shortcuts() -> dict[str, str]:
    """As they are sent, by name."""
    return {name: _COMMENT.sub("", sql).strip().removesuffix(";") for name, sql in load(_PACKAGE, "shortcuts").items()}


def _text(name: str, raw: str, tables: set[str]) -> Text:
    sql = _COMMENT.sub("", raw).strip().removesuffix(";")
    plain = _PLAIN_INSERT.fullmatch(sql)
    changed = [table for table in _CHANGED.findall(sql) if table in tables]
    return Text(
        name=name,
        sql=sql,
        for_one=_for_one(sql),
        params=max((int(number) for number in _PARAMETER.findall(sql)), default=0),
        tables=frozenset(_MENTIONED.findall(sql)) & tables,
        target=changed[0] if changed else None,
        clocked="clock_timestamp()" in sql,
        columns=tuple(plain[1].replace(",", " ").split()) if plain else None,
        locks=_LOCKS.search(sql) is not None,
        seldom=_SELDOM in raw,
    )


def _for_one(sql: str) -> str | None:
    one = _UNNEST.sub(lambda found: f"(values ({found[1].replace('[]', '')}))" + (found[2] or " as one"), sql)
    one = _FIRST.sub(r"\1", _ANY.sub(r"= \1", one))
    return None if one == sql or "[]" in one else one


def apart(one: Text, other: Text) -> bool:
    """Neither sees or changes what the other changes: their order does not matter."""
    return one.target not in other.tables and other.target not in one.tables


@cache
def merged(writes: tuple[tuple[str, int], ...], *, receipt: bool) -> str:
    """One statement that makes these writes, each (SQL, its number of parameters), parameters one after the other.
    With `receipt` it also notes its transaction: slot and mark are the last parameters."""
    clauses, before = [], 0
    for place, (sql, params) in enumerate(writes):
        clauses.append(f"w{place} as ({_shifted(sql, before)})")
        before += params
    together = f"with {', '.join(clauses)} " if clauses else ""
    return together + (_shifted(_RECEIPT, before) if receipt else "select")


def _shifted(sql: str, by: int) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + by}", sql) if by else sql
