"""What is not offered, said so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.server.dialects.vellum.refused import bad
from stook.server.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.server.call import Call

__all__ = ["ROUTES"]

_PATHS: Final = (
    "/v1/execute-code",
    "/v1/execute-api",
    "/v1/execute-prompt",
    "/v1/execute-prompt-stream",
    "/v1/generate",
    "/v1/generate-stream",
    "/v1/search",
    "/v1/submit-completion-actuals",
)


async def refuse(call: Call) -> Response:
    raise bad(
        f"{call.request.url.path} is not supported here: stook runs workflows, and no service of Vellum's for them"
    )


ROUTES = [
    Route(
        method="POST",
        path=path,
        name=f"vellum_{path.removeprefix('/v1/').replace('-', '_')}",
        scope="submit",
        handler=refuse,
        summary="Not supported",
    )
    for path in _PATHS
]
