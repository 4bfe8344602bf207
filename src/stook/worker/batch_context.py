"""What a batched handler knows of the group it is called with."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from stook.core.errors import OptionError, UnsupportedByBackend
from stook.worker.attempt import NO_CUSTOM, custom_attribute, raise_if_set
from stook.worker.children import name_of
from stook.worker.failures import NotAvailableInBatch
from stook.worker.logs.logger import task_logger
from stook.worker.signals import AsyncSignal, SyncSignal
from stook.worker.verdicts import Fail

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from stook.core.moments import Duration
    from stook.worker.children import Named
    from stook.worker.group_durable import GroupDurable
    from stook.worker.logs.logger import Log, TaskLogger
    from stook.worker.signals import Signal

__all__ = ["BatchContext", "Gathering", "SyncBatchContext"]

T = TypeVar("T")
_OF_ONE_EXECUTION = frozenset(
    {
        *("attempt", "call", "cancel", "checkpoint", "execution_id", "fence", "gather", "invoke", "invoke_many"),
        *("last_checkpoint", "max_attempts", "metadata", "parent_id", "schedule", "sleep", "sleep_until", "step"),
        *("tags", "unschedule", "version", "wait_for_event"),
    }
)


class Gathering(NamedTuple):
    """What is known of a group when its handler is called. `formed` is a `time.monotonic()`, `cancelled` lives on.
    `ids` are its members' execution ids; `log` opens the log that they share, `durable` what outlives the call;
    `custom` is the app's own context."""

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
    durable: Callable[[Signal], GroupDurable] | None = None
    custom: Mapping[str, Any] = NO_CUSTOM


class _Group:
    __slots__ = ("_gathering", "_group", "_logger", "custom", "deadline", "marks", "signal")

    def __init__(self, gathering: Gathering, signal: Signal) -> None:
        self._gathering = gathering
        self._group: GroupDurable | None = None
        self.signal = signal
        self.custom = gathering.custom
        """What `App(context=…)` gave; each key is an attribute of the context, too."""
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
        if type(index) is not int or not 0 <= index < size:
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
        if type(index) is not int or not 0 <= index < size:
            raise OptionError(f"fail({index!r}): the group has members 0 to {size - 1}")
        self.marks[index] = Fail(error, retry=retry)

    @property
    def durable(self) -> GroupDurable | None:
        """None if nothing was asked of it."""
        return self._group

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` once all members are cancelled, the call timed out, or the leases are lost."""
        raise_if_set(self.signal)

    def _durable(self) -> GroupDurable:
        if self._group is None:
            if self._gathering.durable is None:
                raise UnsupportedByBackend(f"task {self.task!r} runs where executions are not durable")
            self._group = self._gathering.durable(self.signal)
        return self._group

    def __getattr__(self, name: str) -> Any:
        if name in _Group.__slots__:  # not set yet
            raise AttributeError(name)
        if name in _OF_ONE_EXECUTION:
            raise NotAvailableInBatch(
                f"a group has no {name}: it is many executions", hint="annotate events: list[Event] to see each one's"
            )
        return custom_attribute(self, self.custom, name)


class BatchContext(_Group):
    """Given to `async def` batched handlers that ask for it. `signal` is set when it concerns every member."""

    __slots__ = ()

    signal: AsyncSignal

    def __init__(self, gathering: Gathering) -> None:
        super().__init__(gathering, AsyncSignal())

    async def sleep_all(self, key: str, duration: Duration) -> None:
        """All members leave the worker for so many seconds, at no cost of an attempt, and come back with members that
        have slept the same keys; on that call it returns at once."""
        await self._durable().sleep_all(key, duration)

    async def emit(self, name: Named | str, payload: Any = None) -> str:
        """Emits an event; its id. Not remembered: a group that is called again emits again."""
        return await self._durable().emit(name_of(name), payload)

    async def heartbeat(self) -> None:
        """Makes the members' leases whole ones again, and raises as `raise_if_cancelled` does."""
        self.raise_if_cancelled()
        await self._durable().extend()


class SyncBatchContext(_Group):
    """Given to `def` batched handlers that ask for it."""

    __slots__ = ()

    signal: SyncSignal

    def __init__(self, gathering: Gathering) -> None:
        super().__init__(gathering, SyncSignal())

    def sleep_all(self, key: str, duration: Duration) -> None:
        """As `BatchContext.sleep_all`."""
        self._call(self._durable().sleep_all(key, duration))

    def emit(self, name: Named | str, payload: Any = None) -> str:
        """As `BatchContext.emit`."""
        return self._call(self._durable().emit(name_of(name), payload))

    def heartbeat(self) -> None:
        """As `BatchContext.heartbeat`."""
        self.raise_if_cancelled()
        self._call(self._durable().extend())

    def _call(self, made: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(made, self._durable().facilities.loop).result()
