"""Answers that are made while they are read: at the reader's pace, nothing queued, cut when nobody reads."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from starlette.types import Receive, Scope, Send

__all__ = ["Flow"]

log = logging.getLogger("stook.server")


class Flow(Response):
    """Sends each piece when the one before has gone. A reader that takes nothing for `patience` seconds is cut; so is
    one whose answer cannot go on, which shows as an answer without an end."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        *,
        media_type: str,
        patience: float,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(None, 200, headers=headers, media_type=media_type)
        if "content-length" in self.headers:
            del self.headers["content-length"]
        self._pieces = pieces
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                if not task.done():
                    task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            await self._pieces.aclose()
        if not sending.cancelled() and (error := sending.exception()) is not None:
            await _cut(scope, error)

    async def _send(self, send: Send) -> None:
        async with asyncio.timeout(self._patience):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self._pieces:
            async with asyncio.timeout(self._patience):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(scope: Scope, error: BaseException) -> None:
    """Closes the connection without sending what still waits; a server that cannot do so hears the error."""
    if isinstance(error, TimeoutError):
        log.info("a reader of %s took nothing and was cut", scope["path"])
    else:
        log.error("the answer to %s could not be finished", scope["path"], exc_info=error)
    cut: Any = scope.get("state", {}).get("cut")
    if cut is None:
        raise error
    cut()
    with contextlib.suppress(asyncio.CancelledError):
        for _ in range(3):
            await asyncio.sleep(0)  # the protocol hears of it
