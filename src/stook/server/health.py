"""Whether the process is up, and whether its store answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response

from stook.server.call import JSON
from stook.server.refusal import Refusal
from stook.server.route import Route
from stook.store.script.clock import read_clock

if TYPE_CHECKING:
    from stook.server.call import Call

__all__ = ["ROUTES"]

_PATIENCE = 5.0


async def healthz(call: Call) -> Response:  # noqa: ARG001 - nothing about the request matters
    return Response(b'{"status":"ok"}', media_type=JSON)


async def readyz(call: Call) -> Response:
    """503 while the store does not answer, and once the server is stopping."""
    if call.services.channels.stopping.is_set():
        raise Refusal(503, "overloaded", "the server is stopping", hint="ask another one")
    try:
        async with asyncio.timeout(_PATIENCE):
            await call.services.store.read(read_clock)
    except TimeoutError:
        raise Refusal(503, "store_unavailable", f"the store has not answered for {_PATIENCE:g} seconds") from None
    return Response(b'{"status":"ready"}', media_type=JSON)


ROUTES = [
    Route(
        method="GET",
        path="/healthz",
        name="healthz",
        scope=None,
        handler=healthz,
        summary="The process is up",
        answers=((200, JSON),),
    ),
    Route(
        method="GET",
        path="/readyz",
        name="readyz",
        scope=None,
        handler=readyz,
        summary="The store answers",
        answers=((200, JSON),),
    ),
]
