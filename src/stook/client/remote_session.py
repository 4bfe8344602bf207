"""A server's batches, open for a while: what the command line has in place of a session on a store."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from stook.client.address import read_address
from stook.client.async_transport import AsyncTransport
from stook.client.connection import Connection
from stook.client.remote import RemoteBackend
from stook.client.remote_webhooks import RemoteWebhooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["RemoteSession", "open_remote"]

_PATIENCE = 10.0
"""Seconds that a person at a terminal waits for a server that is not there."""


class RemoteSession:
    def __init__(self, connection: Connection) -> None:
        self.engine = RemoteBackend(connection)
        self.webhooks = RemoteWebhooks(connection)

    async def purge(self) -> None:
        """The server removes by and by what deleted batches left."""


@contextlib.asynccontextmanager
async def open_remote(server: str, key: str | None) -> AsyncIterator[RemoteSession]:
    """`key` None: STOOK_KEY."""
    address = read_address(server, key)
    transport = AsyncTransport(address)
    try:
        yield RemoteSession(Connection(transport, address, patience=_PATIENCE))
    finally:
        await transport.close()
