"""What a handler knows of the attempt it makes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from stook.worker.failures import Cancelled
from stook.worker.logs.logger import task_logger
from stook.worker.signals import AsyncSignal, SyncSignal

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.worker.assignment import Assignment
    from stook.worker.logs.logger import Log, TaskLogger
    from stook.worker.signals import Signal

__all__ = ["Context", "SyncContext", "raise_if_set"]


def raise_if_set(signal: Signal) -> None:
    """A worker that shuts down lets handlers finish within its grace, so that reason alone raises nothing."""
    reason = signal.reason
    if reason is not None and reason != "shutdown":
        raise Cancelled(reason)


class _Attempt:
    __slots__ = ("_assignment", "_log", "_logger", "_offset", "deadline")

    def __init__(self, assignment: Assignment, offset: int, log: Callable[[], Log | None] | None = None) -> None:
        self._assignment = assignment
        self._offset = offset
        self._log = log
        self._logger: TaskLogger | None = None
        self.deadline: float | None = None if assignment.timeout is None else time.monotonic() + assignment.timeout
        """When the attempt times out, on the clock of `time.monotonic()`."""

    @property
    def execution_id(self) -> str:
        return self._assignment.execution_id(self._offset)

    @property
    def task(self) -> str:
        return self._assignment.task

    @property
    def queue(self) -> str:
        return self._assignment.queue

    @property
    def attempt(self) -> int:
        """From 1."""
        return self._assignment.attempt

    @property
    def max_attempts(self) -> int:
        return self._assignment.max_attempts

    @property
    def metadata(self) -> dict[str, Any]:
        """What the submitter attached to the batch. Shared by its executions: do not change it."""
        return self._assignment.metadata

    @property
    def logger(self) -> TaskLogger:
        """Named `stook.task.<task>`; its records carry task, queue, execution_id and attempt. What it says is in the
        execution's log, too."""
        if self._logger is None:
            self._logger = task_logger(
                self.task,
                {
                    "task": self.task,
                    "queue": self.queue,
                    "execution_id": self.execution_id,
                    "attempt": self.attempt,
                },
                self._log,
            )
        return self._logger

    def captured_log(self) -> Log | None:
        """Where `CapturedLogs` puts lines; None where nothing is captured."""
        return None if self._log is None else self._log()


class Context(_Attempt):
    """Given to `async def` handlers that ask for it."""

    __slots__ = ("signal",)

    def __init__(self, assignment: Assignment, offset: int, log: Callable[[], Log | None] | None = None) -> None:
        super().__init__(assignment, offset, log)
        self.signal = AsyncSignal()

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` once the attempt is cancelled, timed out, or its lease is lost."""
        raise_if_set(self.signal)


class SyncContext(_Attempt):
    """Given to `def` handlers that ask for it. They run in threads, which nobody can stop: look at `signal`."""

    __slots__ = ("signal",)

    def __init__(self, assignment: Assignment, offset: int, log: Callable[[], Log | None] | None = None) -> None:
        super().__init__(assignment, offset, log)
        self.signal = SyncSignal()

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` once the attempt is cancelled, timed out, or its lease is lost."""
        raise_if_set(self.signal)
