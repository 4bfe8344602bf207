"""A server from its first request to its last."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final, Self

import uvicorn

from stook.core.errors import ConfigError
from stook.server.app import make_app
from stook.server.connection import connection_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from stook.server.services import Services

__all__ = ["Server"]

BACKLOG: Final = 2048
_NO_NAME: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


class Server:
    """Serves `services` on `host` and `port` (0: any that is free) of the running loop.

    start ──▶ ready(url) ──▶ … ──▶ stop: no new connections ─▶ streams end, to be followed elsewhere ─▶ the rest ends
    """

    def __init__(self, services: Services, *, host: str = "127.0.0.1", port: int = 0, grace: float = 30.0) -> None:
        self._services = services
        self._host = host
        self._port = port
        self._task: asyncio.Task[None] | None = None
        config = uvicorn.Config(
            make_app(services),
            http=connection_of(services.limits),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=round(grace),
        )
        self._server = uvicorn.Server(config)
        self.url = ""

    async def start(self, ready: Callable[[str], None] | None = None) -> str:
        """The URL, once requests are answered there. `ConfigError` where the address cannot be had."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # The protocol is named so that asyncio knows it as TCP, and sends short answers at once.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((self._host, self._port))
        except (OSError, OverflowError) as error:
            listening.close()
            raise ConfigError(
                f"cannot listen on {self._host}:{self._port}: {getattr(error, 'strerror', None) or error}",
                hint="choose another address, or port 0",
            ) from None
        port = listening.getsockname()[1]
        name = _NO_NAME.get(self._host, self._host)
        self.url = f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
        self._task = asyncio.create_task(self._server._serve(sockets=[listening]), name="stook-server")  # noqa: SLF001 - `serve` would take the process's signals
        while not self._server.started:
            if self._task.done():
                await self._task
                raise ConfigError(f"the server did not start on {self.url}")
            await asyncio.sleep(0.01)
        self._services.figures.lag.start()
        if ready is not None:
            ready(self.url)
        return self.url

    async def wait(self) -> None:
        """Until it has stopped."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Requests under way may end within the grace; streams are told to come back and end. Twice is once."""
        self._services.channels.stop()
        self._services.figures.lag.stop()
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await self._services.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
