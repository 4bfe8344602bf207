"""Reading apart from the writer: a few threads, each with a read-only connection."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from stook.store.sqlite.connect import connect
from stook.store.sqlite.errors import translate
from stook.store.sqlite.run import drive

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.statement import Script

__all__ = ["Reader"]

THREADS = 2


class Reader:
    def __init__(self, path: str, clock: Callable[[], int]) -> None:
        self._path = path
        self._clock = clock
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="stook-reader")
        # Started now: where memory is short there may be no thread to be had later.
        all_there = threading.Barrier(THREADS)
        for _ in range(THREADS):
            self._pool.submit(all_there.wait)

    def call(self, make: Callable[[], Script[Any]]) -> Future[Any]:
        return self._pool.submit(self._run, make)

    def close(self) -> None:
        self._pool.shutdown(wait=True)
        for connection in self._connections:
            connection.close()

    def _run(self, make: Callable[[], Script[Any]]) -> Any:
        connection = self._connection()
        try:
            connection.execute("begin")
            try:
                answer, _ = drive(connection, make(), self._clock)
            finally:
                connection.execute("rollback")
        except sqlite3.Error as error:
            raise translate(error, self._path) from None
        return answer

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = connect(self._path, read_only=True)
            self._connections.append(found)
        return found
