"""The one writer: a thread that gathers what many callers want into one transaction.

caller ──put──▶ queue ──▶ begin immediate
caller ──put──▶   │         savepoint · verb · release      (a verb that raises undoes only itself)
│         savepoint · verb · release
│       commit ──▶ answers, in one hop per event loop
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from stook.core.errors import StoreUnavailable
from stook.store.sqlite.errors import translate
from stook.store.sqlite.run import drive

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.statement import Script

__all__ = ["Writer"]

GROUP: Final = 64
"""Verbs in one transaction at most, so that a long queue still answers early."""


class _Call:
    __slots__ = ("answer", "error", "future", "make", "topics")

    def __init__(self, make: Callable[[], Script[Any]]) -> None:
        self.make = make
        self.future: Future[Any] = Future()
        self.answer: Any = None
        self.error: BaseException | None = None
        self.topics: set[str] = set()


class _Look:
    """Whether others have committed is to be found out."""


class Writer:
    """On the writer's thread `done` hears the topics of each commit, before callers get their answers, and `others`
    that some other connection has committed."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: str,
        clock: Callable[[], int],
        *,
        done: Callable[[set[str]], None],
        others: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._path = path
        self._clock = clock
        self._done = done
        self._others = others
        self._version = self._data_version()
        self._queue: SimpleQueue[_Call | _Look | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="stook-writer", daemon=True)
        self._thread.start()

    def call(self, make: Callable[[], Script[Any]]) -> Future[Any]:
        if self._closed:
            raise StoreUnavailable(f"{self._path} is closed")
        call = _Call(make)
        self._queue.put(call)
        return call.future

    def look(self) -> None:
        """Soon `others` is called, unless all commits since the last look were made here."""
        if not self._closed:
            self._queue.put(_Look())

    def close(self) -> None:
        """Finishes what was asked before, then ends. Waits for the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()
            self._connection.close()

    def _serve(self) -> None:
        while True:
            following = self._queue.get()
            calls: list[_Call] = []
            looking = False
            with contextlib.suppress(Empty):
                while following is not None:
                    if isinstance(following, _Look):
                        looking = True
                    else:
                        calls.append(following)
                    if len(calls) == GROUP:
                        break
                    following = self._queue.get_nowait()
            # Who gave up before it began gets nothing done; from here on nobody can.
            wanted = [call for call in calls if call.future.set_running_or_notify_cancel()]
            if wanted:
                self._transact(wanted)
            if looking:
                self._look()
            if following is None:
                return

    def _look(self) -> None:
        before = self._version
        with contextlib.suppress(sqlite3.Error):
            self._version = self._data_version()
        if self._version != before:
            self._others()

    def _data_version(self) -> int:
        """Of this connection: its own commits leave it as it is."""
        version: int = self._connection.execute("pragma data_version").fetchone()[0]
        return version

    def _transact(self, calls: list[_Call]) -> None:
        try:
            self._connection.execute("begin immediate")
            for call in calls:
                self._run(call, alone=len(calls) == 1)
            self._connection.execute("commit")
        except BaseException as error:  # noqa: BLE001 - whatever it is, the callers must hear it
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("rollback")
            for call in calls:
                call.error = translate(error, self._path) if isinstance(error, sqlite3.Error) else error
        topics = set().union(*(call.topics for call in calls if call.error is None))
        if topics:
            self._done(topics)
        for call in calls:
            if call.error is None:
                call.future.set_result(call.answer)
            else:
                call.future.set_exception(call.error)

    def _run(self, call: _Call, *, alone: bool) -> None:
        """A lone verb needs no savepoint: its error undoes the transaction. `SQLITE_FULL` and I/O errors end the
        whole transaction by themselves, so they are everybody's."""
        if alone:
            call.answer, call.topics = drive(self._connection, call.make(), self._clock)
            return
        self._connection.execute("savepoint verb")
        try:
            call.answer, call.topics = drive(self._connection, call.make(), self._clock)
        except Exception as error:
            if not self._connection.in_transaction:
                raise
            self._connection.execute("rollback to verb")
            call.error = translate(error, self._path) if isinstance(error, sqlite3.Error) else error
        self._connection.execute("release verb")
