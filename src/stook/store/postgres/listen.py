"""LISTEN and NOTIFY, on one connection of their own.

A NOTIFY takes a lock of the whole server at its commit: inside verbs it would put all commits in line. So topics are
sent after the commit, from here, those that gathered meanwhile in one statement, at most one every few milliseconds;
news of a batch's progress, of which a busy worker has hundreds a second, less often, unless something else is to be
sent.

   commit ──▶ ring in this process, at once
          └─▶ gathered topics ── pg_notify ──▶ other processes ──▶ ring there
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from stook.core.errors import StookError
from stook.store.postgres.errors import cause_of
from stook.store.postgres.library import asyncpg

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from stook.store.topics import Topics

__all__ = ["Listener", "heard_as", "packed"]

_SEND: Final = "select pg_notify($1, payload) from unnest($2::text[]) payload"
_BETWEEN_SECONDS: Final = 0.002
_PROGRESS_SECONDS: Final = 0.02
_PROGRESS: Final = "batch:"
_RETRY_SECONDS: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0)
_LONGEST_TOPIC: Final = 200
_LONGEST_PAYLOAD: Final = 7900
"""Bytes; PostgreSQL takes 7999."""


def heard_as(topic: str) -> str:
    """A topic as it is sent: itself, or its hash where it is long or holds what cannot be sent. As `ring` of migration
    0013."""
    if len(topic) <= _LONGEST_TOPIC and topic.isascii() and topic.isprintable():
        return topic
    return "#" + sha256(topic.encode(errors="surrogatepass")).hexdigest()[:32]


def packed(topics: Iterable[str]) -> Iterator[str]:
    """Payloads of as many topics as fit, one a line."""
    gathered: list[str] = []
    size = 0
    for topic in topics:
        if size + len(topic) + 1 > _LONGEST_PAYLOAD:
            yield "\n".join(gathered)
            gathered, size = [], 0
        gathered.append(topic)
        size += len(topic) + 1
    if gathered:
        yield "\n".join(gathered)


class Listener:
    """Lives on `loop`; `notify` and `start` may be called from any thread."""

    def __init__(
        self, connect: Callable[[], Awaitable[Any]], channel: str, topics: Topics, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._connect = connect
        self._channel = channel
        self._topics = topics
        self._loop = loop
        self._lock = threading.Lock()
        self._gathered: dict[str, None] = {}
        self._urgent = False
        """Something else than progress is among them."""
        self._task: asyncio.Task[None] | None = None
        self._started = False
        self._woken = asyncio.Event()
        self._sent = asyncio.Event()
        self._sent.set()
        self._own = 0

    def start(self) -> None:
        """Listening begins soon; twice is once."""
        with self._lock:
            first, self._started = not self._started, True
        if first:
            self._loop.call_soon_threadsafe(self._begin)

    def notify(self, topics: Iterable[str]) -> None:
        self.start()
        with self._lock:
            idle = not self._gathered
            self._gathered.update(dict.fromkeys(topics))
            urgent = not self._urgent and not all(topic.startswith(_PROGRESS) for topic in self._gathered)
            self._urgent = self._urgent or urgent
        if idle or urgent:
            self._loop.call_soon_threadsafe(self._wake)

    async def close(self, seconds: float) -> None:
        """On its loop. What was notified is sent before, if that takes no longer than `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._sent.wait()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._serve())

    def _wake(self) -> None:
        self._sent.clear()
        self._woken.set()

    async def _serve(self) -> None:
        failures = 0
        while True:
            try:
                connection = await self._connect()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, StookError):
                await asyncio.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
                failures += 1
                continue
            try:
                await self._serve_on(connection, missed=failures > 0)
            except Exception as error:
                if cause_of(error) is None:
                    raise
            finally:
                connection.terminate()
            failures = 1

    async def _serve_on(self, connection: Any, *, missed: bool) -> None:
        """Until the connection is lost."""
        self._own = connection.get_server_pid()
        connection.add_termination_listener(lambda _: self._woken.set())
        await connection.add_listener(self._channel, self._on_notification)
        if missed:
            self._topics.notify_all()
        next_progress = 0.0
        while not connection.is_closed():
            self._woken.clear()
            rest = next_progress - self._loop.time()
            with self._lock:
                topics: dict[str, None] = {}
                if self._urgent or rest <= 0:
                    topics, self._gathered, self._urgent = self._gathered, {}, False
                held_back = bool(self._gathered)
            if topics:
                await connection.execute(_SEND, self._channel, list(packed(topics)))
                next_progress = self._loop.time() + _PROGRESS_SECONDS
                await asyncio.sleep(_BETWEEN_SECONDS)
            elif held_back:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(rest):
                        await self._woken.wait()
            else:
                self._sent.set()
                await self._woken.wait()

    def _on_notification(self, _connection: Any, pid: int, _channel: str, payload: str) -> None:
        if pid != self._own:  # what this process sent has rung here already
            self._topics.notify(payload.split("\n"))
