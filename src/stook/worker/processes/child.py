"""A child process: imports the handlers, runs items one after another in its main thread, answers at once.

    main thread     take ──▶ cells.begin ──▶ handler ──▶ send ──▶ cells.end
    reader thread   Work into the inbox, Recall out of it, signals to the running item; the worker gone: exit

A result is sent as soon as it is made: a child that dies in its next item loses nothing but that item.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import os
import signal
import socket
import sys
import threading
from collections import deque
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, assert_never

from stook.worker.answer import answer
from stook.worker.context import Context, SyncContext
from stook.worker.definition import TaskDefinition, define
from stook.worker.logs.tracking import CURRENT, tracking
from stook.worker.processes.cells import Cells
from stook.worker.processes.child_log import ChildLog
from stook.worker.processes.frames import (
    Broken,
    Close,
    Done,
    Failed,
    Frames,
    FromWorker,
    Ready,
    Recall,
    Returned,
    Setup,
    Signalled,
    Work,
    to_bytes,
)
from stook.worker.processes.streams import Streams
from stook.worker.trace import message_of, traceback_of, type_name
from stook.worker.trouble import failed

if TYPE_CHECKING:
    from stook.core.log import LogLimits
    from stook.core.policy import RetryPolicy
    from stook.worker.assignment import Assignment
    from stook.worker.processes.frames import FromChild
    from stook.worker.processes.reference import Reference
    from stook.worker.signals import Reason, Signal

__all__ = ["definition_of", "main"]

PR_SET_PDEATHSIG: Final = 1
CONDEMNED: Final = 128 + signal.SIGTERM


class _Item(NamedTuple):
    assignment: Assignment
    retry: RetryPolicy
    number: int
    offset: int
    payload: bytes


def main(link_fd: int, cells_fd: int, parent: int) -> None:
    """Returns when the worker closes the child; exits at once when the worker is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the worker decides what it means
    _die_with(parent)
    for fd in (link_fd, cells_fd):
        os.set_inheritable(fd, False)  # noqa: FBT003 -- what a handler starts must not hold the line open
    _Child(socket.socket(fileno=link_fd), Cells(cells_fd)).run()


def definition_of(task: str, reference: Reference) -> TaskDefinition:
    """From what stands at the reference: the handler, or what a decorator made of it."""
    found = reference.load()
    made = getattr(found, "definition", None)
    if made is not None and not isinstance(found, TaskDefinition):
        found = made() if callable(made) else made
    return found if isinstance(found, TaskDefinition) else define(found, name=task)


class _Child:
    def __init__(self, link: socket.socket, cells: Cells) -> None:
        self._link = link
        self._cells = cells
        self._frames = Frames(FromWorker)
        self._sending = threading.Lock()
        self._inbox: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._condemned = False
        self._number = 0
        self._signal: Signal | None = None
        self._early: dict[int, Reason] = {}
        self._definitions: dict[str, TaskDefinition] = {}
        self._runner = asyncio.Runner()
        self._limits: LogLimits | None = None
        self._streams: Streams | None = None
        self._log: ChildLog | None = None

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._on_sigterm)
        setup, *rest = self._receive()
        assert isinstance(setup, Setup)
        self._limits = setup.logs
        if self._limits is not None:
            self._streams = Streams()
        try:
            self._definitions = {task: definition_of(task, reference) for task, reference in setup.tasks.items()}
        except BaseException as error:  # noqa: BLE001 -- importing runs anybody's code
            self._send(Broken(f"{type_name(type(error))}: {message_of(error)}", traceback_of(error)))
            return
        self._send(Ready())
        for frame in rest:
            self._obey(frame)
        threading.Thread(target=self._read, name="stook link", daemon=True).start()
        with contextlib.closing(self._runner):
            while True:
                item = self._take()
                if item is None:
                    return
                self._run(item)

    # ------------------------------------------------------------------------------------------- the main thread

    def _take(self) -> _Item | None:
        with self._changed:
            while not self._inbox:
                if self._closed:
                    return None
                self._changed.wait()
            item = self._inbox.popleft()
            self._number = item.number
            self._cells.begin(item.number, perf_counter_ns())
            return item

    def _run(self, item: _Item) -> None:
        started = perf_counter_ns()
        try:
            ended = self._call(item)
        except BaseException as error:  # noqa: BLE001 -- the handler's, whatever it is
            ended = error
        took = perf_counter_ns() - started
        if self._log is not None:
            self._log.end()
            self._log = None
        if self._condemned:
            self._exit(CONDEMNED)
        if self._streams is not None:
            self._streams.drain()
        if isinstance(ended, bytes):
            self._send(Done(item.number, ended, took))
        elif isinstance(ended, BaseException):
            self._send(Failed(item.number, failed(item.offset, ended, item.retry), took))
        else:
            self._send(Failed(item.number, ended, took))
        with self._changed:
            self._signal, self._number = None, 0
        self._cells.end()

    def _call(self, item: _Item) -> Any:
        definition = self._definitions[item.assignment.task]
        payload = definition.reader.read(item.payload)
        make = definition.context
        if make is None and tracking.wanted:
            make = Context if definition.is_async else SyncContext
        context = None if make is None else make(item.assignment, item.offset, partial(self._open_log, item.number))
        with self._changed:
            early = self._early.pop(item.number, None)
            self._signal = None if context is None else context.signal
        if early is not None and self._signal is not None:
            self._signal.set(early)
        asked = None if definition.context is None else context
        given = definition.arguments(payload, item.assignment, item.offset, asked)
        own = contextvars.copy_context()
        if context is not None:
            own.run(CURRENT.set, context)
        if definition.is_async:
            value = self._runner.run(definition.handler(*given), context=own)
        else:
            value = own.run(definition.handler, *given)
        return answer(value, definition.encode, item.retry, item.offset)

    def _open_log(self, number: int) -> ChildLog | None:
        """From any thread. None once the item has ended, too."""
        with self._changed:
            if self._limits is None or number != self._number:
                return None
            if self._log is None:
                self._log = ChildLog(number, self._limits, self._send, self._cells.note_lines)
            return self._log

    def _on_sigterm(self, _signal: int, _frame: object) -> None:
        if self._cells.condemned:
            self._condemned = True
            raise SystemExit(CONDEMNED)  # so that what the handler must undo is undone

    # ----------------------------------------------------------------------------------------- the reader thread

    def _read(self) -> None:
        while True:
            for frame in self._receive():
                self._obey(frame)

    def _obey(self, frame: FromWorker) -> None:
        match frame:
            case Work(assignment, retry, items):
                with self._changed:
                    self._inbox.extend(_Item(assignment, retry, *one) for one in items)
                    self._changed.notify()
            case Signalled(number, reason):
                with self._changed:
                    running = self._signal if number == self._number else None
                    if running is None and number >= self._number:
                        self._early[number] = reason
                if running is not None:
                    running.set(reason)
            case Recall():
                with self._changed:
                    numbers = [item.number for item in self._inbox]
                    self._inbox.clear()
                    self._early.clear()
                self._send(Returned(numbers))
            case Close():
                with self._changed:
                    self._closed = True
                    self._changed.notify()
            case Setup():
                return
            case unknown:
                assert_never(unknown)

    def _receive(self) -> list[FromWorker]:
        frames: list[FromWorker] = []
        while not frames:
            try:
                data = self._link.recv(1 << 18)
            except OSError:
                data = b""
            if not data:
                self._exit(1)  # the worker is gone, and with it whoever could use a result
            frames = self._frames.feed(data)
        return frames

    def _send(self, frame: FromChild) -> None:
        try:
            with self._sending:
                self._link.sendall(to_bytes(frame))
        except OSError:
            self._exit(1)

    @staticmethod
    def _exit(status: int) -> NoReturn:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _die_with(parent: int) -> None:
    """Also when the handler never lets the reader thread run."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
