"""A store of an app's own: opened at its first use, with the thread that everything of it runs on."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stook.wiring.portal import Portal
from stook.wiring.session import open_session

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from stook.config.settings import Settings
    from stook.wiring.session import Session

__all__ = ["Opened", "open_own"]


@dataclass
class Opened:
    """`pid` is the process that opened it: a child made by fork has the object, but neither thread nor connections.
    `workers` hold how each of them is left, the newest last."""

    session: Session
    portal: Portal
    _context: AbstractAsyncContextManager[Session]
    pid: int = field(default_factory=os.getpid)
    workers: list[contextlib.ExitStack] = field(default_factory=list)

    def end_workers(self) -> None:
        for leaving in reversed(self.workers[:]):
            leaving.close()

    def close(self) -> None:
        self.portal.close(lambda: self._context.__aexit__(None, None, None))


def open_own(settings: Settings, *, clock: Callable[[], int] | None = None) -> Opened:
    """`clock` as in `open_store`."""
    portal = Portal()
    context = open_session(settings, clock=clock)
    try:
        return Opened(portal.call(context.__aenter__()), portal, context)
    except BaseException:
        portal.close()
        raise
