"""A store of an app's own: opened at its first use, with the thread that everything of it runs on."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stook.core.errors import ConfigError, StookError
from stook.wiring.portal import Portal
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from stook.config.settings import Settings
    from stook.wiring.session import Session

__all__ = ["Opened", "open_own"]


@dataclass(eq=False)
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
        _open.discard(self)
        self.portal.close(lambda: self._context.__aexit__(None, None, None))


_open: set[Opened] = set()


def open_own(settings: Settings, *, clock: Callable[[], int] | None = None, api_key: str | None = None) -> Opened:
    """Closed at the interpreter's exit, if not before. `clock` as in `open_store`; `api_key` is a server's."""
    context = _context(settings, clock, api_key)
    portal = Portal()
    try:
        made = Opened(portal.call(context.__aenter__()), portal, context)
    except BaseException:
        portal.close()
        raise
    _close_at_exit()
    _open.add(made)
    return made


def _context(
    settings: Settings, clock: Callable[[], int] | None, api_key: str | None
) -> AbstractAsyncContextManager[Session]:
    if settings.url.lower().startswith(("http://", "https://")):
        from stook.wiring.far_session import open_far_session  # noqa: PLC0415 - its library is an extra

        if settings.project != "default":
            raise ConfigError(
                f"project={settings.project!r}: with a server it is the key's",
                hint="leave project= and STOOK_PROJECT out",
            )
        if clock is not None:
            raise ConfigError("clock= is a store's, and this app's store is a server")
        return open_far_session(settings, api_key)
    if api_key is not None:
        raise ConfigError(
            "api_key is for a store that is a server", hint="give its address too: store='https://…', or STOOK_URL"
        )
    return open_session(settings, clock=clock)


@functools.cache
def _close_at_exit() -> None:
    """Before the interpreter stops its thread pools: `atexit` itself would be too late to read anything."""
    register = getattr(threading, "_register_atexit", atexit.register)
    register(_close_all)


def _close_all() -> None:
    for one in list(_open):
        if one.pid == os.getpid():
            with contextlib.suppress(RuntimeError, StookError):  # what was acknowledged is durable without
                one.end_workers()
                one.close()
