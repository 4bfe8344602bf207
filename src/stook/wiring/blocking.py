"""`App.sync`: what `App` has as coroutines, blocking, by the same names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.wiring.invoking import BlockingInvoking
from stook.wiring.operating import BlockingOperating
from stook.wiring.scheduling import BlockingScheduling

if TYPE_CHECKING:
    from stook.wiring.app import App

__all__ = ["Blocking"]


class Blocking(BlockingInvoking, BlockingScheduling, BlockingOperating):
    """Not to be called on an event loop: it would stand still."""

    def __init__(self, app: App) -> None:
        BlockingInvoking.__init__(self, app)
        BlockingScheduling.__init__(self, app)
        BlockingOperating.__init__(self, app)
