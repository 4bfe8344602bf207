"""What an app has open whose store is a server: a connection in the place of a store."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NoReturn, cast

from stook.client.address import read_address
from stook.client.async_transport import AsyncTransport
from stook.client.connection import Connection
from stook.client.remote import RemoteBackend
from stook.client.remote_executions import RemoteExecutions
from stook.client.remote_invokes import RemoteInvokes
from stook.core.errors import ConfigError, UnsupportedByBackend
from stook.engine.blobs import Blobs
from stook.wiring.far_store import HINT, FarBlobs, FarStore
from stook.wiring.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stook.config.settings import Settings
    from stook.engine.invoking import Invokes
    from stook.wiring.opening import Opening
    from stook.wiring.targets import Targets

__all__ = ["FarSession", "open_far_session"]

PATIENCE = 30.0
"""Seconds for which a request is tried again."""


class FarSession(Session):
    """What needs the store itself is `UnsupportedByBackend`."""

    is_remote = True

    def __init__(self, settings: Settings, connection: Connection) -> None:
        store = FarStore(settings.url)
        super().__init__(settings, store, Blobs(FarBlobs(settings.url), most=settings.max_payload_bytes))
        backend = RemoteBackend(connection)
        self._connection = connection
        self.executions = RemoteExecutions(connection, backend)
        self.triggers = backend
        self.engine.invokes = cast("Invokes", RemoteInvokes(connection))

    def foreign(self, connection: Any) -> NoReturn:  # noqa: ARG002 - whatever it is
        raise UnsupportedByBackend(
            "connection= joins a transaction of the store's database, and this app's store is a server",
            hint="leave it out, or give the app the database's own URL",
        )

    def targets(self, app: Opening) -> Targets:
        from stook.wiring.far_targets import FarTargets  # noqa: PLC0415 - for those who invoke

        return FarTargets(app, self.store, self.engine.project)

    def working(self, *_: Any, **__: Any) -> NoReturn:
        raise UnsupportedByBackend("the app's store is a server: its workers are programs of their own", hint=HINT)

    async def close(self) -> None:
        await self._connection.transport.close()


@contextlib.asynccontextmanager
async def open_far_session(settings: Settings, key: str | None) -> AsyncIterator[FarSession]:
    """`key` None: STOOK_KEY."""
    address = read_address(settings.url, key)
    if address.key is None:
        raise ConfigError(f"there is no key for the server {address.url}", hint="give api_key=…, or set STOOK_KEY")
    session = FarSession(settings, Connection(AsyncTransport(address), address, patience=PATIENCE))
    try:
        yield session
    finally:
        await session.close()
