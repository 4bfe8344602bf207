"""Opening a SQLite file the way stook wants it, and bringing its schema up to date."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Literal

from stook.core.errors import StookError
from stook.store.migrations import check_version, migrations
from stook.store.sqlite.errors import translate

__all__ = ["Synchronous", "connect", "migrate"]

Synchronous = Literal["off", "normal", "full", "extra"]
BUSY_SECONDS = 30.0
CACHE_KIB = 16 * 1024
"""Of each connection. What else is read of the file lies in the system's cache."""


def connect(path: str, *, synchronous: Synchronous = "full", read_only: bool = False) -> sqlite3.Connection:
    """A connection without implicit transactions, usable from one other thread."""
    try:
        target = f"{Path(path).absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
        connection = sqlite3.connect(
            target,
            uri=True,
            isolation_level=None,
            timeout=BUSY_SECONDS,
            check_same_thread=False,
            cached_statements=400,
        )
    except sqlite3.Error as error:
        raise translate(error, path) from None
    try:
        if not read_only:
            _use_wal(connection)
            connection.execute(f"pragma synchronous = {synchronous}")
            connection.execute("pragma wal_autocheckpoint = 4000")
        connection.execute(f"pragma cache_size = -{CACHE_KIB}")
        connection.execute("pragma mmap_size = 0")  # a map of a large file is no faster, and takes all address space
        connection.execute("pragma temp_store = memory")
    except sqlite3.Error as error:
        connection.close()
        raise translate(error, path) from None
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switching the journal needs the file for itself for a moment and does not wait for it by itself."""
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Applies what is missing, one transaction each. Any number of processes may do this at once: each waits for the
    one before and then finds nothing left."""
    steps = migrations("stook.store.sqlite")
    try:
        there = connection.execute("pragma user_version").fetchone()[0]
        check_version(there, steps[-1].number, path)
        for step in steps:
            if step.number > there:
                _apply(connection, step.number, step.sql)
    except sqlite3.Error as error:
        raise translate(error, path) from None


def _apply(connection: sqlite3.Connection, number: int, sql: str) -> None:
    connection.execute("begin immediate")
    try:
        if connection.execute("pragma user_version").fetchone()[0] < number:
            for statement in _statements(sql):
                connection.execute(statement)
            connection.execute(f"pragma user_version = {number}")
        connection.execute("commit")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("rollback")
        raise


def _statements(sql: str) -> list[str]:
    parts, current = [], ""
    for line in sql.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            parts.append(current)
            current = ""
    if current.strip():
        raise StookError(f"a migration ends within a statement: {current[:60]!r}")
    return parts
