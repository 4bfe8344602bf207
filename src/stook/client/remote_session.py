"""A server's batches, open for a while: what the command line has in place of a session on a store."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from stook.client.address import read_address
from stook.client.async_transport import AsyncTransport
from stook.client.connection import Connection
from stook.client.remote import RemoteBackend
from stook.client.remote_deployments import RemoteDeployments
from stook.client.remote_webhooks import RemoteWebhooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stook.client.address import Address
    from stook.client.kernel import AsyncKernel

__all__ = ["RemoteSession", "open_remote"]

_PATIENCE = 10.0
"""Seconds that a person at a terminal waits for a server that is not there."""


class RemoteSession:
    def __init__(self, connection: Connection, address: Address) -> None:
        self._address = address
        self.engine = RemoteBackend(connection)
        self.webhooks = RemoteWebhooks(connection)
        self.deployments = RemoteDeployments(connection)

    def kernel(self) -> AsyncKernel:
        """The same server where it speaks the Kernel dialect; to be closed."""
        from stook.client.kernel import AsyncKernel  # noqa: PLC0415 - few commands need it

        url, key = self._address
        return AsyncKernel(base_url=f"{url}/kernel", api_key=key, retry_seconds=_PATIENCE)

    async def purge(self) -> None:
        """The server removes by and by what deleted batches left."""


@contextlib.asynccontextmanager
async def open_remote(server: str, key: str | None) -> AsyncIterator[RemoteSession]:
    """`key` None: STOOK_KEY."""
    address = read_address(server, key)
    transport = AsyncTransport(address)
    try:
        yield RemoteSession(Connection(transport, address, patience=_PATIENCE), address)
    finally:
        await transport.close()
