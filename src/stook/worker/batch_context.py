"""What a batched handler knows of the group it is called with."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, NoReturn

from stook.core.errors import OptionError
from stook.worker.context import raise_if_set, task_logger
from stook.worker.failures import NotAvailableInBatch
from stook.worker.signals import AsyncSignal, SyncSignal
from stook.worker.verdicts import Fail

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from stook.worker.context import TaskLogger

__all__ = ["BatchContext", "ClosedBy", "SyncBatchContext"]

ClosedBy = Literal["size", "timeout", "bytes", "drain", "stop", "bisect", "retry"]

_OF_ONE_EXECUTION = frozenset(
    {
        *("attempt", "call", "cancel", "checkpoint", "execution_id", "fence", "gather", "invoke", "invoke_many"),
        *("last_checkpoint", "max_attempts", "metadata", "parent_id", "schedule", "sleep", "sleep_until", "step"),
        "wait_for_event",
    }
)


class _Group:
    __slots__ = (
        *("_cancelled", "_formed", "_logger", "_size", "closed_by", "deadline", "group_id", "marks", "queue", "task"),
    )

    def __init__(
        self,
        *,
        task: str,
        queue: str,
        group_id: str,
        size: int,
        closed_by: ClosedBy,
        formed: float,
        timeout: float | None,
        cancelled: AbstractSet[int],
    ) -> None:
        self.task = task
        self.queue = queue
        self.group_id = group_id
        self.closed_by: ClosedBy = closed_by
        """Why the group was closed with the members it has."""
        self.deadline: float | None = None if timeout is None else time.monotonic() + timeout
        """When the call times out, on the clock of `time.monotonic()`."""
        self.marks: dict[int, Fail] = {}
        self._size = size
        self._formed = formed
        self._cancelled = cancelled
        self._logger: TaskLogger | None = None

    @property
    def age(self) -> float:
        """Seconds since the group's first member reached this worker."""
        return time.monotonic() - self._formed

    @property
    def items_cancelled(self) -> AbstractSet[int]:
        """Positions whose cancellation was asked for: their outcome is ignored. Grows while the handler runs."""
        return self._cancelled

    @property
    def logger(self) -> TaskLogger:
        """Named `stook.task.<task>`; its records carry task, queue, group_id and size."""
        if self._logger is None:
            extra = {"task": self.task, "queue": self.queue, "group_id": self.group_id, "size": self._size}
            self._logger = task_logger(self.task, extra)
        return self._logger

    def fail(self, index: int, error: BaseException | str, *, retry: bool = True) -> None:
        """The member at `index` failed, whatever the handler returns for it."""
        if not 0 <= index < self._size:
            raise OptionError(f"fail({index!r}): the group has members 0 to {self._size - 1}")
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

    def __init__(self, **group: object) -> None:
        super().__init__(**group)  # type: ignore[arg-type]
        self.signal = AsyncSignal()

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` once all members are cancelled, the call timed out, or the leases are lost."""
        raise_if_set(self.signal)


class SyncBatchContext(_Group):
    """Given to `def` batched handlers that ask for it."""

    __slots__ = ("signal",)

    def __init__(self, **group: object) -> None:
        super().__init__(**group)  # type: ignore[arg-type]
        self.signal = SyncSignal()

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` once all members are cancelled, the call timed out, or the leases are lost."""
        raise_if_set(self.signal)
