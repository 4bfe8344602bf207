"""One child as its worker sees it: what it was given, what it runs, how it is stopped."""

from __future__ import annotations

import contextlib
import signal
import threading
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, NamedTuple

from stook.worker.held import NEVER
from stook.worker.processes.frames import Close, Recall, Setup, Signalled, Work
from stook.worker.processes.link import Link
from stook.worker.processes.output import ChildOutput, Pipes
from stook.worker.processes.spawn import spawn

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from stook.core.log import LogLimits
    from stook.worker.held import Held
    from stook.worker.logs.captured import CapturedLog
    from stook.worker.outbox import Outbox
    from stook.worker.processes.frames import FromChild
    from stook.worker.processes.reference import Reference
    from stook.worker.signals import Reason

__all__ = ["Entry", "WorkerChild"]

TERM_TO_KILL: Final = 2.0
"""Seconds between SIGTERM, which lets a handler clean up, and SIGKILL."""


class Entry(NamedTuple):
    """An item as it waits for a child."""

    held: Held
    offset: int
    payload: bytes


class WorkerChild:
    """`take(child, frame)` on each frame, `died(child, status)` once, after its last frame. Both on the loop."""

    def __init__(
        self,
        tasks: dict[str, Reference],
        *,
        loop: asyncio.AbstractEventLoop,
        outbox: Outbox,
        take: Callable[[WorkerChild, FromChild], None],
        died: Callable[[WorkerChild, int], None],
        logs: LogLimits | None = None,
    ) -> None:
        self.ready = False
        self.assigned: dict[int, Entry] = {}
        """By number, in the order they will run."""
        self.stop_at: dict[int, int] = {}
        """By number: `perf_counter_ns` at which a cancelled item that still runs is not waited for any more."""
        self.condemned: int | None = None
        """The number of the item that it is being killed for."""
        self.recalled = False
        self._last = 0
        self._loop = loop
        self._outbox = outbox
        self._died = died
        self._numbers: dict[tuple[int, int], int] = {}
        self._kill: asyncio.TimerHandle | None = None
        self._lines: dict[int, int] = {}
        """By number: lines that its logger is known to have said."""
        pipes = None if logs is None else Pipes.open()
        try:
            self._process, sock, self._cells = spawn() if pipes is None else spawn(pipes.out, pipes.err)
        except BaseException:
            if pipes is not None:
                pipes.close()
            raise
        self._output = None
        if pipes is not None and logs is not None:
            self._output = ChildOutput(pipes, limits=logs, running=lambda: self.running()[0], log_of=self._log_of)
        self._link = Link(sock, loop, lambda frame: take(self, frame))
        self._link.send(Setup(tasks, logs))
        threading.Thread(target=self._wait, name="stook child", daemon=True).start()

    def give(self, entries: list[Entry]) -> None:
        """Items of one slice, to be run after those it has."""
        held = entries[0].held
        items = []
        for entry in entries:
            self._last += 1
            self.assigned[self._last] = entry
            self._numbers[held.piece.token, entry.offset] = self._last
            held.running[entry.offset] = self
            items.append((self._last, entry.offset, entry.payload))
        self._link.send(Work(held.assignment, held.retry, items))

    def forget(self, number: int) -> Entry | None:
        """The item is not this child's any more."""
        entry = self.assigned.pop(number, None)
        if entry is not None:
            self._lines.pop(number, None)
            self._numbers.pop((entry.held.piece.token, entry.offset), None)
            self.stop_at.pop(number, None)
            entry.held.running.pop(entry.offset, None)
        return entry

    def logged(self, number: int, lines: list[bytes], dropped: int) -> None:
        log = self._log_of(number)
        if log is not None:
            self._lines[number] = self._lines.get(number, 0) + len(lines) + dropped
            log.skip(dropped)
            for line in lines:
                log.add(line)

    def end_output(self, number: int) -> None:
        """What the item wrote is in its log when this returns."""
        if self._output is not None:
            self._output.end(number)

    def _log_of(self, number: int) -> CapturedLog | None:
        entry = self.assigned.get(number)
        return None if entry is None else entry.held.log_of(entry.offset)

    def running(self) -> tuple[int, int]:
        """(number, when it began); also after its death: what it was running then. (0, …): nothing."""
        return self._cells.running()

    def ask(self, held: Held, offset: int, reason: Reason) -> None:
        number = self._numbers.get((held.piece.token, offset))
        if number is None:
            return
        self._link.send(Signalled(number, reason))
        if reason == "cancelled":
            self.stop_at[number] = perf_counter_ns() + round(held.piece.policy.cancel_grace * 1e9)
        elif reason == "lease_lost":
            self.stop_at[number] = 0
        if self.running()[0] != number:
            self.recall()  # it has not started, and need not

    def recall(self) -> None:
        """Asks for what it has not started. It comes back as a frame."""
        if not self.recalled:
            self.recalled = True
            self._link.send(Recall())

    def tell_all(self, reason: Reason) -> None:
        for number in self.assigned:
            self._link.send(Signalled(number, reason))

    def kill(self, number: int) -> None:
        """Ends the process because of this item. The others it has are not at fault."""
        if self.condemned is not None:
            return
        self.condemned = number
        self._cells.condemn()
        self._send_signal(signal.SIGTERM)
        self._kill = self._loop.call_later(TERM_TO_KILL, self._send_signal, signal.SIGKILL)

    def kill_at_once(self) -> None:
        self._send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Ends it when it has nothing more to run."""
        self._link.send(Close())

    def due(self, number: int, began: int) -> int:
        """When the running item must have ended."""
        entry = self.assigned.get(number)
        if entry is None:
            return NEVER
        return min(began + entry.held.limit_of(entry.offset), self.stop_at.get(number, NEVER))

    def _send_signal(self, which: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(which)

    def _wait(self) -> None:
        status = self._process.wait()
        if self._output is not None:
            self._output.finish()
        self._outbox.post(self._ended, status)

    def _ended(self, status: int) -> None:
        if self._kill is not None:
            self._kill.cancel()
        self._link.drain()
        self._link.close()
        number = self.running()[0]
        log = self._log_of(number) if self._cells.lines > self._lines.get(number, 0) else None
        if log is not None:
            log.skip(self._cells.lines - self._lines.get(number, 0))  # kept back for the end, and gone with it
        self._died(self, status)
        self._cells.close()
