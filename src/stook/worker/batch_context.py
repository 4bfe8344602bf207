"""What a batched handler knows of the group it is called with."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from stook.core.errors import OptionError
from stook.worker.context import raise_if_set
from stook.worker.failures import NotAvailableInBatch
from stook.worker.logs.logger import task_logger
from stook.worker.signals import AsyncSignal, SyncSignal
from stook.worker.verdicts import Fail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from stook.worker.logs.logger import Log, TaskLogger

__all__ = ["BatchContext", "Gathering", "SyncBatchContext"]

_OF_ONE_EXECUTION = frozenset(
    {
        *("attempt", "call", "cancel", "checkpoint", "execution_id", "fence", "gather", "invoke", "invoke_many"),
        *("last_checkpoint", "max_attempts", "metadata", "parent_id", "schedule", "sleep", "sleep_until", "step"),
        "wait_for_event",
    }
)


class Gathering(NamedTuple):
    """What is known of a group when its handler is called. `formed` is a `time.monotonic()`, `cancelled` lives on.
    `ids` are its members' execution ids; `log` opens the log that they share."""

    task: str
    queue: str
    group_id: str
    size: int
    closed_by: str
    formed: float
    timeout: float | None
    cancelled: AbstractSet[int]
    ids: Callable[[], Sequence[str]] = tuple
    log: Callable[[], Log | None] | None = None


class _Group:
    __slots__ = ("_gathering", "_logger", "deadline", "marks")

    def __init__(self, gathering: Gathering) -> None:
        self._gathering = gathering
        self._logger: TaskLogger | None = None
        self.deadline: float | None = None if gathering.timeout is None else time.monotonic() + gathering.timeout
        """When the call times out, on the clock of `time.monotonic()`."""
        self.marks: dict[int, Fail] = {}

    @property
    def task(self) -> str:
        return self._gathering.task

    @property
    def queue(self) -> str:
        return self._gathering.queue

    @property
    def group_id(self) -> str:
        return self._gathering.group_id

    @property
    def closed_by(self) -> str:
        """Why the group was closed with the members it has.

        `size`, `bytes`: no more may join · `timeout`: its first member waited so long · `concurrency`: a limit left
        room for no more · `drain`, `stop`: the worker waits for nobody · `bisect`, `retry`: its members ran before
        """
        return self._gathering.closed_by

    @property
    def age(self) -> float:
        """Seconds since the group's first member reached this worker."""
        return time.monotonic() - self._gathering.formed

    @property
    def items_cancelled(self) -> AbstractSet[int]:
        """Positions whose cancellation was asked for: their outcome is ignored. Grows while the handler runs."""
        return self._gathering.cancelled

    @property
    def logger(self) -> TaskLogger:
        """Named `stook.task.<task>`; its records carry task, queue, group_id and size. What it says is in the log of
        every member: it is stored once, and the limits of a log hold for the group as one."""
        if self._logger is None:
            self._logger = task_logger(self.task, self._extra(), self._gathering.log)
        return self._logger

    def logger_of(self, index: int) -> TaskLogger:
        """As `logger`, about the member at `index` alone: only its log shows it."""
        size = self._gathering.size
        if not 0 <= index < size:
            raise OptionError(f"logger_of({index!r}): the group has members 0 to {size - 1}")
        execution_id = self._gathering.ids()[index]
        extra = {**self._extra(), "execution_id": execution_id}
        return task_logger(self.task, extra, self._gathering.log, execution_id)

    def captured_log(self) -> Log | None:
        """Where `CapturedLogs` puts lines; None where nothing is captured."""
        return None if self._gathering.log is None else self._gathering.log()

    def _extra(self) -> dict[str, object]:
        known = self._gathering
        return {"task": known.task, "queue": known.queue, "group_id": known.group_id, "size": known.size}

    def fail(self, index: int, error: BaseException | str, *, retry: bool = True) -> None:
        """The member at `index` failed, whatever the handler returns for it."""
        size = self._gathering.size
        if not 0 <= index < size:
            raise OptionError(f"fail({index!r}): the group has members 0 to {size - 1}")
        self.marks[index] = Fail(error, retry=retry)

    def __getattr__(self, name: str) -> NoReturn:
        if name in _OF_ONE_EXECUTION:
            raise NotAvailableInBatch(
                f"a group has no {name}: it is many executions", hint="annotate events: list[Event] to see each one's"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class BatchContext(_Group):
    """Given to `async def` batched handlers that ask for it. `signal` is set when it concerns every member."""

    __slots__ = ("signal",)

    def __init__(self, gathering: Gathering) -> None:
        super().__init__(gathering)
        self.signal = AsyncSignal()

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` once all members are cancelled, the call timed out, or the leases are lost."""
        raise_if_set(self.signal)


class SyncBatchContext(_Group):
    """Given to `def` batched handlers that ask for it."""

    __slots__ = ("signal",)

    def __init__(self, gathering: Gathering) -> None:
        super().__init__(gathering)
        self.signal = SyncSignal()

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` once all members are cancelled, the call timed out, or the leases are lost."""
        raise_if_set(self.signal)
