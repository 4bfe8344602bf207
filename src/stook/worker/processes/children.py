"""A fixed number of children, kept alive: each that dies is replaced, and what it had goes back or is lost.

Exactly one item can be at fault for a death, the one the child was running. What it had answered stays answered; what
it had not started is as it was.
"""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, Protocol, assert_never

from stook.core.errors import ConfigError
from stook.worker.backoff import pause_after
from stook.worker.processes.frames import Broken, Done, Failed, Logged, Ready, Returned
from stook.worker.processes.spawn import ending
from stook.worker.processes.worker_child import WorkerChild
from stook.worker.trouble import lost

if TYPE_CHECKING:
    from stook.core.log import LogLimits
    from stook.worker.outbox import Outbox
    from stook.worker.processes.frames import FromChild
    from stook.worker.processes.oom import OomKills
    from stook.worker.processes.reference import Reference
    from stook.worker.processes.worker_child import Entry
    from stook.worker.source import Trouble

__all__ = ["Children", "Parent"]

logger = logging.getLogger("stook.worker")

STUCK: Final = 50_000_000
"""Nanoseconds in one item after which what waits behind it is wanted back."""
MEMORY_LOOK: Final = 1_000_000_000
MEMORY_SPAN: Final = 3_000_000_000
"""A death and a rise of the kernel's counter this close together belong together."""
STARTS: Final = 5
"""Children that ended before they were ready, one after another, before the worker gives up."""
LAST_WAIT: Final = 2.0


class Parent(Protocol):
    def concluded(self, entry: Entry, ended: bytes | Trouble | BaseException, took: int, *, cut: bool) -> None: ...

    def returned(self, entries: list[Entry]) -> None:
        """Not started, in their order."""
        ...

    def changed(self) -> None:
        """After any of the above, or when a child is ready."""
        ...

    def broken(self, error: BaseException) -> None:
        """No child can be started."""
        ...


class Children:
    def __init__(
        self,
        tasks: dict[str, Reference],
        count: int,
        *,
        parent: Parent,
        outbox: Outbox,
        memory: OomKills,
        logs: LogLimits | None = None,
    ) -> None:
        self.alive: list[WorkerChild] = []
        self._tasks = tasks
        self._count = count
        self._parent = parent
        self._outbox = outbox
        self._memory = memory
        self._memory_at = 0
        self._logs = logs
        self._first = asyncio.Event()
        self._gone = asyncio.Event()
        self._error: ConfigError | None = None
        self._false_starts = 0
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Returns when one child has imported every handler; `ConfigError` if it cannot."""
        for _ in range(self._count):
            self._start_child()
        await self._first.wait()
        if self._error is not None:
            raise self._error

    def watch(self, shortest: int) -> None:
        """Looks at what runs, as often as the shortest timeout (nanoseconds) asks for."""
        if self._timer is None:
            seconds = max(0.01, min(STUCK / 1e9, shortest / 20e9))
            self._timer = asyncio.get_running_loop().call_later(seconds, self._look, shortest)

    def shut(self) -> None:
        """What has not started is wanted back, what runs is told; no child is replaced any more."""
        self._closing = True
        for child in self.alive:
            child.tell_all("shutdown")
            child.recall()

    def cut(self) -> None:
        """Ends the children that still have work."""
        for child in self.alive:
            if child.assigned:
                child.kill(child.running()[0] or next(iter(child.assigned)))

    def kill(self) -> None:
        """Ends every process without waiting for any."""
        self._closing = True
        for child in self.alive:
            child.kill_at_once()

    async def end(self) -> None:
        """Every process is gone when this returns."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        for child in self.alive:
            child.close()
        for _ in range(2):
            if not self.alive:
                return
            self._gone.clear()
            try:
                await asyncio.wait_for(self._gone.wait(), LAST_WAIT)
            except TimeoutError:
                self.kill()

    def is_stuck(self, child: WorkerChild) -> bool:
        number, began = child.running()
        return number in child.assigned and perf_counter_ns() - began > STUCK

    def _start_child(self) -> None:
        if self._closing:
            return
        try:
            child = WorkerChild(
                self._tasks,
                loop=asyncio.get_running_loop(),
                outbox=self._outbox,
                take=self._take,
                died=self._died,
                logs=self._logs,
            )
        except OSError as error:
            self._false_start(f"cannot be started: {error}")
        else:
            self.alive.append(child)

    def _false_start(self, what: str) -> None:
        self._false_starts += 1
        error = self._error or ConfigError(
            f"a child process {what}, before it was ready",
            hint="what a module does when it is imported must work in a new process too",
        )
        if not self._first.is_set():
            self._error = error
            self._first.set()
        elif self._false_starts >= STARTS:
            self._parent.broken(error)
        else:
            asyncio.get_running_loop().call_later(pause_after(self._false_starts), self._start_child)

    # ------------------------------------------------------------------------------------------------ what they say

    def _take(self, child: WorkerChild, frame: FromChild) -> None:
        match frame:
            case Done(number, result, took):
                self._conclude(child, number, result, took)
            case Failed(number, trouble, took):
                self._conclude(child, number, trouble, took)
            case Logged(number, lines, dropped):
                child.logged(number, lines, dropped)
                return
            case Returned(numbers):
                child.recalled = False
                entries = [child.forget(number) for number in numbers]
                self._parent.returned([entry for entry in entries if entry is not None])
            case Ready():
                child.ready = True
                self._false_starts, self._error = 0, None
                self._first.set()
            case Broken(message, trace):
                self._error = ConfigError(
                    f"a child process cannot import its handlers: {message}",
                    hint="what a module does when it is imported must work in a new process too",
                )
                logger.error("a child process cannot import its handlers:\n%s", trace or message)
            case unknown:
                assert_never(unknown)
        self._parent.changed()

    def _conclude(self, child: WorkerChild, number: int, ended: bytes | Trouble | BaseException, took: int) -> None:
        child.end_output(number)
        entry = child.forget(number)
        if entry is not None:
            self._parent.concluded(entry, ended, took, cut=child.condemned == number)

    def _died(self, child: WorkerChild, status: int) -> None:
        self.alive.remove(child)
        now = perf_counter_ns()
        self._memory.look(now)
        how = ending(status, out_of_memory=self._memory.rose_since(now - MEMORY_SPAN))
        culprit, began = child.running()
        back = []
        for number in list(child.assigned):
            entry = child.assigned[number]
            if number == child.condemned:
                late = entry.held.late(now - began, entry.held.limit_of(entry.offset))
                self._conclude(child, number, late, now - began)
            elif number == culprit and child.condemned is None:
                logger.warning("a child process was running an item of %s and %s", entry.held.piece.task, how)
                self._conclude(child, number, lost(entry.offset, how), now - began)
            else:
                child.forget(number)
                back.append(entry)
        self._parent.returned(back)
        if not self.alive:
            self._gone.set()
        if not self._closing:
            if child.ready:
                self._start_child()
            else:
                self._false_start(how)
        self._parent.changed()

    def _look(self, shortest: int) -> None:
        self._timer = None
        now = perf_counter_ns()
        if now - self._memory_at > MEMORY_LOOK:
            self._memory_at = now
            self._memory.look(now)
        for child in self.alive:
            number, began = child.running()
            if number not in child.assigned:
                continue
            if child.due(number, began) <= now:
                child.kill(number)
            elif now - began > STUCK and len(child.assigned) > 1:
                child.recall()
        if any(child.assigned for child in self.alive):
            self.watch(shortest)
