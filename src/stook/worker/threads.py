"""Threads for `def` handlers, started when there is work for them.

A slot hands its turn to a thread, which takes items off the shared queue itself until the turn is over or the queue is
empty: no hand-over per item, and no item waits behind a slow one while another slot is free.
"""

from __future__ import annotations

import asyncio
import threading
from queue import SimpleQueue
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from stook.worker.answer import answer
from stook.worker.drive import foreign
from stook.worker.held import NEVER

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
    from contextvars import Context

    from stook.worker.held import Held
    from stook.worker.outbox import Outbox
    from stook.worker.source import Trouble
    from stook.worker.watchdog import Watchdog

__all__ = ["Threads"]

TURN: Final = 5_000_000
"""Nanoseconds after which a thread hands its slot back between two items, so that other kinds of work get it."""


_Answer = tuple[Any, BaseException | None]


class Threads:
    def __init__(
        self, queue: deque[tuple[Held, int, Any]], *, outbox: Outbox, base: Context, watchdog: Watchdog
    ) -> None:
        self.queue = queue
        self.outbox = outbox
        self.base = base
        self.shortest = NEVER
        """The shortest timeout seen, in nanoseconds: how often to look."""
        self._watchdog = watchdog
        self._idle: list[_Thread] = []
        self._all: list[_Thread] = []

    async def turn(self) -> None:
        """One slot's turn. Ends when the queue is empty, or between two items after 5 ms."""
        if self.shortest < NEVER:
            self.watch_soon()
        await self._lend(_Thread.run_along)

    async def call(self, function: Callable[[], Any]) -> Any:
        """One call in a thread. Cancelling the wait does not end the call."""
        return await self._lend(lambda _: function())

    def watch_soon(self) -> None:
        self._watchdog.watch(perf_counter_ns() + self.shortest // 20)

    def look(self, now: int) -> int:
        """Signals what has timed out. The next moment to look: threads change items without telling the loop."""
        for thread in self._all:
            running = thread.running
            if running is not None and running[2] + running[0].limit_of(running[1]) <= now:
                signal = running[0].signals.get(running[1])
                if signal is not None:
                    signal.set("timeout")
        return now + self.shortest // 20 if len(self._idle) < len(self._all) else NEVER

    def close(self) -> None:
        """Idle threads end; a thread that still runs a handler ends with it."""
        for thread in self._all:
            thread.inbox.put(None)

    async def _lend(self, work: Callable[[_Thread], Any]) -> Any:
        thread = self._idle.pop() if self._idle else self._start()
        done: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        thread.inbox.put((work, done))
        value, error = await done  # a future takes not every exception for its own
        if isinstance(error, (GeneratorExit, KeyboardInterrupt)):
            raise foreign(error) from error
        if error is not None:
            raise error
        return value

    def _start(self) -> _Thread:
        thread = _Thread(self)
        self._all.append(thread)
        thread.start()
        return thread

    def finished(self, thread: _Thread, done: asyncio.Future[_Answer], value: Any, error: BaseException | None) -> None:
        self._idle.append(thread)
        if not done.cancelled():
            done.set_result((value, error))


class _Thread(threading.Thread):
    # A daemon: a handler that never returns must not keep the program from ending.

    def __init__(self, threads: Threads) -> None:
        super().__init__(name="stook handler", daemon=True)
        self._threads = threads
        self.inbox: SimpleQueue[tuple[Callable[[_Thread], Any], asyncio.Future[_Answer]] | None] = SimpleQueue()
        self.running: tuple[Held, int, int] | None = None
        """The item and when it started."""

    def run(self) -> None:
        while True:
            given = self.inbox.get()
            if given is None:
                return
            work, done = given
            value, failure = None, None
            try:
                value = work(self)
            except BaseException as error:  # noqa: BLE001 -- whoever waits for the call gets it
                failure = error
            self._threads.outbox.post(self._threads.finished, self, done, value, failure)
            del given, work, done, value, failure

    def run_along(self) -> None:
        queue, post, copy = self._threads.queue, self._threads.outbox.post, self._threads.base.copy
        until = perf_counter_ns() + TURN
        while True:
            try:
                held, offset, payload = queue.popleft()
            except IndexError:
                return
            started = perf_counter_ns()
            if started >= held.expires or (held.blocked and not held.may_start(offset)):
                post(held.withdraw, offset)
                continue
            self.running = (held, offset, started)
            if held.limit < self._threads.shortest:
                self._threads.shortest = held.limit
                post(self._threads.watch_soon)
            ended: bytes | Trouble | BaseException
            try:
                value = copy().run(held.begin, offset, payload)
            except BaseException as error:  # noqa: BLE001 -- the handler's, whatever it is
                ended = error
            else:
                ended = answer(value, held.encode, held.retry, offset)
            self.running = None
            now = perf_counter_ns()
            post(held.conclude, offset, ended, now - started)
            if now >= until:
                return
