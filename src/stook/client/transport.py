"""What carries requests: one protocol, a blocking and an asynchronous kind.

Both are spoken to in coroutines. The blocking one's never suspend, so that whoever has no event loop can run them step
by step where he is (`stook.client.stepping`): every call is written once.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Protocol

from stook.core.errors import MissingExtra
from stook.telemetry.tracing import carried

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager
    from types import ModuleType

    from stook.client.address import Address
    from stook.client.request import Answer, Request

__all__ = [
    "CONNECT",
    "SILENCE",
    "Lost",
    "Stream",
    "Transport",
    "authorities",
    "carried_headers",
    "load_httpx",
    "user_headers",
]

CONNECT = 10.0
SILENCE = 60.0
"""Seconds without a byte after which a connection is given up."""


class Lost(Exception):
    """The connection could not be made, or broke. `quiet`: nothing was heard for as long as was allowed."""

    def __init__(self, message: str, *, quiet: bool = False) -> None:
        super().__init__(message)
        self.quiet = quiet


class Stream(Protocol):
    """An answer whose body comes by and by."""

    @property
    def status(self) -> int: ...

    def pieces(self) -> AsyncGenerator[bytes]:
        """`Lost` if the connection breaks."""
        ...

    async def whole(self) -> Answer: ...


class Transport(Protocol):
    async def send(self, request: Request[Any], silence: float = SILENCE) -> Answer:
        """`silence` as in `stream`, beside what the request itself allows the server to think."""
        ...

    def stream(self, request: Request[Any], silence: float) -> AbstractAsyncContextManager[Stream]:
        """`silence`: seconds without a byte after which it is `Lost`, and quiet."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    async def close(self) -> None: ...


def load_httpx() -> ModuleType:
    try:
        import httpx  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise MissingExtra("speaking to a server needs httpx", hint="pip install 'stook[client]'") from None
    return httpx


@functools.cache
def authorities() -> ssl.SSLContext:
    """Whom connections trust, for all clients of a process: reading them takes longer than making a client."""
    context: ssl.SSLContext = load_httpx().create_ssl_context()
    return context


def carried_headers() -> list[tuple[bytes, bytes]]:
    """The trace that this code runs in, if there is one."""
    return [(name.encode(), value.encode()) for name, value in carried().items()]


def user_headers(address: Address) -> dict[str, str]:
    from stook import __version__  # noqa: PLC0415 - the package's name for its version

    headers = {"user-agent": f"stook/{__version__}", "accept": "*/*"}
    if address.key is not None:
        headers["authorization"] = f"Bearer {address.key}"
    return headers
