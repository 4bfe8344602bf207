"""A verb in the caller's transaction, on SQLite.

   a transaction is under way      the verb joins it, behind a savepoint
   none, the caller commits        one is begun and left open, as the caller's own first write would
   none, each statement commits    the verb's own: committed here

One that begins here begins `immediate`: what a verb reads must not change before it writes. Nobody is notified: a
store notices commits of other connections by itself.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Any, TypeVar

from stook.core.errors import NotInstalled, SchemaTooNew
from stook.store.migrations import migrations
from stook.store.sqlite.errors import translate
from stook.store.sqlite.run import drive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stook.store.statement import Script

__all__ = ["on_sqlite"]

T = TypeVar("T")
_TABLES = "select count(*) from main.sqlite_master where type = 'table' and name in ('batch', 'chunk', 'segment')"


def on_sqlite(connection: sqlite3.Connection, make: Callable[[], Script[T]], *, clock: Callable[[], int] | None) -> T:
    """On the connection's own thread."""
    try:
        with _unadorned(connection):
            return _run(connection, make, clock or _microseconds)
    except sqlite3.Error as error:
        raise translate(error, "the connection's database") from error


def _run(connection: sqlite3.Connection, make: Callable[[], Script[T]], clock: Callable[[], int]) -> T:
    if connection.in_transaction:
        return _behind_savepoint(connection, make, clock)
    _check_installed(connection)
    commits_itself = _commits_itself(connection)
    connection.execute("begin immediate")
    try:
        _check_installed(connection)
        answer, _ = drive(connection, make(), clock)
        if commits_itself:
            connection.execute("commit")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("rollback")
        raise
    return answer


def _behind_savepoint(connection: sqlite3.Connection, make: Callable[[], Script[T]], clock: Callable[[], int]) -> T:
    _check_installed(connection)
    connection.execute("savepoint stook_verb")
    try:
        answer, _ = drive(connection, make(), clock)
    except BaseException:
        # A full disk ends the whole transaction: then there is nothing to go back to.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("rollback to stook_verb")
            connection.execute("release stook_verb")
        raise
    connection.execute("release stook_verb")
    return answer


@contextlib.contextmanager
def _unadorned(connection: sqlite3.Connection) -> Iterator[None]:
    """Rows are tuples and text is str, whatever the caller likes them to be."""
    rows: Any = connection.row_factory
    text: Any = connection.text_factory
    connection.row_factory, connection.text_factory = None, str
    try:
        yield
    finally:
        connection.row_factory, connection.text_factory = rows, text


def _commits_itself(connection: sqlite3.Connection) -> bool:
    return connection.isolation_level is None or getattr(connection, "autocommit", None) is True


def _check_installed(connection: sqlite3.Connection) -> None:
    """The schema's number stands in the file's head, where other programs may keep one of theirs."""
    known = migrations("stook.store.sqlite")[-1].number
    there: int = connection.execute("pragma main.user_version").fetchone()[0]
    tables: int = connection.execute(_TABLES).fetchone()[0]
    if tables < len(("batch", "chunk", "segment")) or there < known:
        raise NotInstalled(
            f"the connection's database has no schema {known} of stook",
            hint="pass a connection to the app's own file, or install it there: await app.ensure_installed()",
        )
    if there > known:
        raise SchemaTooNew(
            f"the connection's database has schema {there}, this stook knows up to {known}", hint="upgrade stook here"
        )


def _microseconds() -> int:
    return time.time_ns() // 1000
