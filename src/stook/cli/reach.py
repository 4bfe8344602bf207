"""A command's way to batches: those of a store, or those of a server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol, TypeVar

from stook.cli.opened import in_session
from stook.core.errors import OptionError
from stook.wiring.loop import run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stook.cli.options import Reach
    from stook.client.backend import Reading

__all__ = ["Reached", "in_reach"]

T = TypeVar("T")


class Reached(Protocol):
    """As `stook.wiring.session.Session` documents each."""

    @property
    def engine(self) -> Reading: ...

    async def purge(self) -> None: ...


def in_reach(where: Reach, body: Callable[[Reached], Awaitable[T]]) -> T:
    """Runs `body` on a store that is already there (`NotInstalled` if there is none), or on a server's batches."""
    server = _server(where)
    if server is None:
        return in_session(where, body)

    async def opened() -> T:
        from stook.client.remote_session import open_remote

        async with open_remote(server, where.key) as session:
            return await body(session)

    return run(opened())


def _server(where: Reach) -> str | None:
    """An option goes before the environment, where a server goes before a store."""
    if where.server is not None and where.store is not None:
        raise OptionError("--server and --store are two places to look for batches", hint="give one of them")
    if where.store is not None:
        if where.key is not None:
            raise OptionError("--key is for a server", hint="leave it out, or give --server instead of --store")
        return None
    server = where.server or os.environ.get("STOOK_SERVER")
    if server is None or not server:
        if where.key is not None:
            raise OptionError("--key is for a server", hint="give --server too")
        return None
    if where.project is not None:
        raise OptionError("--project: a server shows the batches of its key's project", hint="leave it out")
    return server
