"""The contexts of handlers that take one item a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stook.worker.attempt import NO_CUSTOM
from stook.worker.blocking_methods import BlockingMethods
from stook.worker.durable_methods import DurableMethods
from stook.worker.signals import AsyncSignal, SyncSignal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stook.worker.assignment import Assignment
    from stook.worker.durable import Durable
    from stook.worker.logs.logger import Log
    from stook.worker.signals import Signal

__all__ = ["Context", "SyncContext"]


class Context(DurableMethods):
    """Given to `async def` handlers that ask for it."""

    __slots__ = ()

    signal: AsyncSignal

    def __init__(
        self,
        assignment: Assignment,
        offset: int,
        log: Callable[[], Log | None] | None = None,
        *,
        durable: Callable[[Signal], Durable] | None = None,
        custom: Mapping[str, Any] = NO_CUSTOM,
    ) -> None:
        super().__init__(assignment, offset, log, signal=AsyncSignal(), durable=durable, custom=custom)


class SyncContext(BlockingMethods):
    """Given to `def` handlers that ask for it. They run in threads, which nobody can stop: look at `signal`."""

    __slots__ = ()

    signal: SyncSignal

    def __init__(
        self,
        assignment: Assignment,
        offset: int,
        log: Callable[[], Log | None] | None = None,
        *,
        durable: Callable[[Signal], Durable] | None = None,
        custom: Mapping[str, Any] = NO_CUSTOM,
    ) -> None:
        super().__init__(assignment, offset, log, signal=SyncSignal(), durable=durable, custom=custom)
