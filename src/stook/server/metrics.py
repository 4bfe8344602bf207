"""`/metrics`: figures of the whole installation, which are for those alone who run it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from starlette.responses import Response

from stook.server.caller import find_caller, may
from stook.server.refusal import Refusal
from stook.server.route import Route
from stook.telemetry.exposition import MEDIA_TYPE

if TYPE_CHECKING:
    from stook.server.call import Call

__all__ = ["ROUTES"]

_FIRST: Final = "default"


async def metrics(call: Call) -> Response:
    """Prometheus text. By the setting STOOK_METRICS: for keys with scope read of the project default, for anybody, or
    not there."""
    match call.services.metrics:
        case "key":
            key = await find_caller(call.services.keys, call.header("authorization"))
            may(key, "read")
            if key.project != _FIRST:
                raise Refusal(
                    403,
                    "forbidden",
                    "figures of the installation are for keys of the project default",
                    hint=f"this key is of the project {key.project}",
                )
        case "open":
            pass
        case "off":
            raise Refusal(404, "not_found", "there is nothing at /metrics", hint="STOOK_METRICS=key brings it back")
        case _:
            assert_never(call.services.metrics)
    text = await call.services.figures.scraped(call.services.store)
    return Response(text, headers={"content-type": MEDIA_TYPE})


ROUTES = [
    Route(
        method="GET",
        path="/metrics",
        name="metrics",
        scope=None,
        handler=metrics,
        summary="Figures of the installation (Prometheus)",
        answers=((200, MEDIA_TYPE),),
    ),
]
