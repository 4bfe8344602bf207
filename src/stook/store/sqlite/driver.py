"""The embedded store: one SQLite file, one writer, readers apart."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from stook.core.errors import ConfigError
from stook.core.shown_url import shown_url
from stook.store.sqlite.connect import Synchronous, connect, migrate
from stook.store.sqlite.reader import Reader
from stook.store.sqlite.writer import Writer
from stook.store.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.statement import Script

__all__ = ["SqliteStore", "path_of"]

P = ParamSpec("P")
T = TypeVar("T")


def path_of(url: str) -> str:
    """The file of `sqlite:///relative.db`, `sqlite:////absolute.db` or a plain path."""
    path = url.removeprefix("sqlite:///") if url.startswith("sqlite:") else url
    if not path or path.startswith("sqlite:") or path == ":memory:":
        raise ConfigError(f"{shown_url(url)!r} names no file", hint="like sqlite:///stook.db")
    return path


def _microseconds() -> int:
    return time.time_ns() // 1000


class SqliteStore:
    """Implements `stook.store.port.Store`. Processes on one machine may share the file: each has its own writer and
    they take turns; a topic notified in another process is noticed at the next look, at most `look` seconds later."""

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], int] | None = None,
        synchronous: Synchronous = "full",
        look: float = 0.05,
    ) -> None:
        self.url = url
        self.path = path_of(url)
        self._look = look
        self._topics = Topics()
        told = clock or _microseconds
        connection = connect(self.path, synchronous=synchronous)
        try:
            migrate(connection, self.path)
        except BaseException:
            connection.close()
            raise
        self._writer = Writer(connection, self.path, told, done=self._topics.notify, others=self._topics.notify_all)
        self._reader = Reader(self.path, told)
        self._watcher = connect(self.path, read_only=True)
        self._version = self._data_version()

    async def write(self, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        answer: T = await asyncio.wrap_future(self._writer.call(lambda: verb(*args, **kwargs)))
        return answer

    async def read(self, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        answer: T = await asyncio.wrap_future(self._reader.call(lambda: verb(*args, **kwargs)))
        return answer

    def write_blocking(self, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        answer: T = self._writer.call(lambda: verb(*args, **kwargs)).result()
        return answer

    def mark(self) -> int:
        return self._topics.mark()

    async def wait(self, topics: tuple[str, ...], timeout: float, since: int | None = None) -> bool:
        """Within this process at once. Commits of other processes wake every waiter: they look, and wait again."""
        mark = self._topics.mark() if since is None else since
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while True:
            left = until - loop.time()
            if await self._topics.wait(topics, max(0.0, min(left, self._look)), mark):
                return True
            if self._has_changed():
                self._writer.look()
            if left <= self._look:
                return False

    def _data_version(self) -> int:
        version: int = self._watcher.execute("pragma data_version").fetchone()[0]
        return version

    def _has_changed(self) -> bool:
        """Whether anybody has committed since the last look. Whether it was another process only the writer's
        connection knows: to this one, which no thread is busy with, all commits are of others."""
        before, self._version = self._version, self._data_version()
        return before != self._version

    async def close(self) -> None:
        self.close_blocking()

    def close_blocking(self) -> None:
        self._writer.close()
        self._reader.close()
        self._watcher.close()
