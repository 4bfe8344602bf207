"""From a name to addresses, without a queue: a name server that hangs keeps nobody but its own askers waiting."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Resolve = Callable[[str, int], Awaitable[list[str]]]

__all__ = ["ResolveFailed", "resolve"]


class ResolveFailed(Exception):
    """The name has no address, or nobody says which."""


async def resolve(host: str, port: int) -> list[str]:
    """Each address once, in the system's order of preference. `ResolveFailed`.

    A thread for each question: the loop's own few would be held for half a minute by each dead name server. Whoever is
    cancelled leaves the thread to itself; it does not keep the program from ending.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[list[str]] = loop.create_future()

    def ask() -> None:
        found: list[str] | ResolveFailed
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
            found = list(dict.fromkeys(str(row[4][0]) for row in rows))
        except (OSError, UnicodeError) as error:
            found = ResolveFailed(getattr(error, "strerror", None) or str(error))
        with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
            loop.call_soon_threadsafe(answer, found)

    def answer(found: list[str] | ResolveFailed) -> None:
        if answered.done():
            return
        if isinstance(found, ResolveFailed):
            answered.set_exception(found)
        else:
            answered.set_result(found)

    threading.Thread(target=ask, name="stook-resolve", daemon=True).start()
    return await answered
