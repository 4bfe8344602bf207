"""Connections to addresses that were looked up and checked before, for names that are not looked up again.

    a pool's key      hooks.example.com|192.0.2.7,192.0.2.8
    connects to                         192.0.2.7, else 192.0.2.8
    Host, SNI, name   hooks.example.com
    in certificate

So a connection is used again only for the same name at the same addresses: never for another name that shares an
address, whose certificate nobody has seen.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Sequence

__all__ = ["PinnedBackend", "TlsFailed", "pinned"]

_BAR: Final = "|"


class TlsFailed(httpcore.ConnectError):
    """It is reached, but no connection that could be trusted came about."""


def pinned(host: str, addresses: Sequence[str]) -> str:
    """The host of a request to a pool with this backend."""
    return f"{host}{_BAR}{','.join(addresses)}"


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Resolves nothing: a host that is not `pinned` cannot be connected to."""

    def __init__(self) -> None:
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """`timeout` is for all its addresses together."""
        _, bar, listed = host.partition(_BAR)
        if not bar:
            raise httpcore.ConnectError(f"{host} was not resolved beforehand")
        addresses = listed.split(",")
        loop = asyncio.get_running_loop()
        until = None if timeout is None else loop.time() + timeout
        failure: Exception | None = None
        for number, address in enumerate(addresses):
            share = None if until is None else max(0.0, until - loop.time()) / (len(addresses) - number)
            try:
                stream = await self._network.connect_tcp(
                    str(ip_address(address)), port, share, local_address, socket_options
                )
                return _Stream(stream)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure


class _Stream(httpcore.AsyncNetworkStream):
    """Tells a failure of TLS from others."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except httpcore.ConnectTimeout:
            raise TlsFailed("no handshake in time") from None
        except (httpcore.ConnectError, OSError, ValueError) as error:
            raise TlsFailed(str(error) or "the connection was closed during the handshake") from error

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
