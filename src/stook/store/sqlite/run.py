"""Driving a verb over one SQLite connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, assert_never

from stook.store.statement import All, Each, Guard, Many, Notify, Now, Run, Shortcut, TryGuard
from stook.store.statements import load

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from stook.store.statement import Script, Statement

__all__ = ["drive"]

T = TypeVar("T")
_SQL = load("stook.store.sqlite")


def drive(connection: sqlite3.Connection, script: Script[T], clock: Callable[[], int]) -> tuple[T, set[str]]:
    """Runs the verb to its end; returns its answer and the topics to notify after the commit. The transaction is the
    caller's."""
    topics: set[str] = set()
    answer: Any = None
    try:
        while True:
            answer = _answer(connection, script.send(answer), clock, topics)
    except StopIteration as stop:
        return stop.value, topics
    finally:
        script.close()


def _answer(  # noqa: C901 - a case for each kind
    connection: sqlite3.Connection, statement: Statement, clock: Callable[[], int], topics: set[str]
) -> Any:
    match statement:
        case All(name, params):
            return connection.execute(_SQL[name], params).fetchall()
        case Each(name, rows):
            sql, found = _SQL[name], []
            for params in rows:
                found += connection.execute(sql, params).fetchall()
            return found
        case Many(name, rows):
            connection.executemany(_SQL[name], rows)
            return None
        case Run(name, params):
            return connection.execute(_SQL[name], params).rowcount
        case Now():
            return clock()
        case Guard():
            return None  # one writer: nobody to be guarded from
        case TryGuard(names):
            return frozenset(names)
        case Shortcut():
            return None  # no statement costs a trip: the long way is as short
        case Notify(names):
            topics.update(names)
            return None
        case _:
            assert_never(statement)
