"""Opening a SQLite file the way stook wants it, and bringing its schema up to date."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stook.core.errors import StookError
from stook.store.giving_way import LOOK, SILENT, Wait, is_breaking
from stook.store.migrations import check_version, migrations
from stook.store.sqlite.errors import translate

if TYPE_CHECKING:
    from stook.store.migrations import Migration

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
    one before and then finds nothing left. A step that breaks older programs asks them to stop and waits for it."""
    steps, wait = migrations("stook.store.sqlite"), Wait(path)
    try:
        there = connection.execute("pragma user_version").fetchone()[0]
        check_version(there, steps[-1].number, path)
        for step in steps:
            if step.number > there:
                while there and is_breaking(step) and wait.look(step, _older(connection, step.number)):
                    time.sleep(LOOK)
                _apply(connection, step)
    except sqlite3.Error as error:
        raise translate(error, path) from None


def _older(connection: sqlite3.Connection, number: int) -> list[str]:
    """Programs at work that do not know the migration; they are asked to stop."""
    now = time.time_ns() // 1000
    connection.execute(
        "update orchestrator set stop_asked_at = ? where schema < ? and stop_asked_at is null", (now, number)
    )
    rows = connection.execute(
        "select id from orchestrator where schema < ? and seen_at > ? order by id", (number, now - SILENT)
    )
    return [row[0] for row in rows]


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    connection.execute("begin immediate")
    try:
        if connection.execute("pragma user_version").fetchone()[0] < step.number:
            for statement in _statements(step.sql):
                connection.execute(statement)
            if is_breaking(step):
                connection.execute("insert into breaking values (?, ?)", (step.number, time.time_ns() // 1000))
            connection.execute(f"pragma user_version = {step.number}")
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
