"""Which execution this code runs for.

Handlers that take the payload alone are called without any preparation, at a cost that shows at a million items. So
this is kept only where somebody asks: a module that uses `current_context` or `CapturedLogs` has been imported.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from stook.worker.batch_context import BatchContext, SyncBatchContext
    from stook.worker.context import Context, SyncContext

    AnyContext: TypeAlias = "Context | SyncContext | BatchContext | SyncBatchContext"

__all__ = ["CURRENT", "Tracking", "tracking"]

CURRENT: Final[ContextVar[AnyContext]] = ContextVar("stook_current")


class Tracking:
    """`wanted`: every execution begun from now on is known to the code that it runs."""

    __slots__ = ("wanted",)

    def __init__(self) -> None:
        self.wanted = False


tracking: Final = Tracking()
