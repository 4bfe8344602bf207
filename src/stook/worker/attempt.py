"""What any handler of one execution knows of the attempt it makes."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from stook.core.errors import UnsupportedByBackend
from stook.worker.failures import Cancelled
from stook.worker.logs.logger import task_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stook.worker.assignment import Assignment
    from stook.worker.durable import Durable
    from stook.worker.logs.logger import Log, TaskLogger
    from stook.worker.signals import Signal

__all__ = ["NO_CUSTOM", "Attempt", "custom_attribute", "raise_if_set"]

NO_CUSTOM: Final[Mapping[str, Any]] = MappingProxyType({})


def raise_if_set(signal: Signal) -> None:
    """A worker that shuts down lets handlers finish within its grace, so that reason alone raises nothing."""
    reason = signal.reason
    if reason is not None and reason != "shutdown":
        raise Cancelled(reason)


def custom_attribute(made: object, custom: Mapping[str, Any], name: str) -> Any:
    if name in custom:
        return custom[name]
    known = f", and no custom context has it: it has {', '.join(sorted(custom))}" if custom else ""
    raise AttributeError(f"{type(made).__name__!r} object has no attribute {name!r}{known}")


class Attempt:
    """`log` opens what its logger is captured in, `durable` what it remembers, `custom` is the app's own context."""

    __slots__ = ("_assignment", "_durably", "_log", "_logger", "_offset", "custom", "deadline", "signal")

    def __init__(
        self,
        assignment: Assignment,
        offset: int,
        log: Callable[[], Log | None] | None = None,
        *,
        signal: Signal,
        durable: Callable[[Signal], Durable] | None = None,
        custom: Mapping[str, Any] = NO_CUSTOM,
    ) -> None:
        self._assignment = assignment
        self._offset = offset
        self._log = log
        self._logger: TaskLogger | None = None
        self._durably = durable
        self.signal = signal
        self.custom = custom
        """What `App(context=…)` gave; each key is an attribute of the context, too."""
        timeout = assignment.timeout_of(offset)
        self.deadline: float | None = None if timeout is None else time.monotonic() + timeout
        """When the attempt times out, on the clock of `time.monotonic()`."""

    def __getattr__(self, name: str) -> Any:
        if name in Attempt.__slots__:  # not set yet
            raise AttributeError(name)
        return custom_attribute(self, self.custom, name)

    @property
    def execution_id(self) -> str:
        return self._assignment.execution_id(self._offset)

    @property
    def parent_id(self) -> str | None:
        """The execution that waits for this one."""
        return self._assignment.extras_of(self._offset).parent

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
    def fence(self) -> int:
        """A number that is larger each time the execution is given to a worker: a system that is told it with every
        write, and takes none with a smaller number than it has seen, is safe from one that believes it still runs."""
        return self._assignment.fence

    @property
    def metadata(self) -> dict[str, Any]:
        """What the submitter attached to the execution, over what is attached to its batch. May be shared with others:
        do not change it."""
        return self._assignment.metadata_of(self._offset)

    @property
    def tags(self) -> tuple[str, ...]:
        return self._assignment.extras_of(self._offset).tags

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

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` once the attempt is cancelled, timed out, or its lease is lost."""
        raise_if_set(self.signal)

    def _durable(self) -> Durable:
        """`UnsupportedByBackend` where this attempt has nothing to remember in."""
        if self._durably is None:
            raise UnsupportedByBackend(
                f"task {self.task!r} runs where executions are not durable: it has no steps, sleeps or children",
                hint="run it on the event loop or in threads, without --processes",
            )
        return self._durably(self.signal)
