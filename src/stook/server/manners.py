"""How a table of routes takes requests and says no: the native way. Dialects differ where they must."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from stook.server.call import JSON
from stook.server.caller import find_caller
from stook.server.idempotent import once
from stook.server.refusal import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

    from stook.engine.keys import KeyView
    from stook.server.call import Call
    from stook.server.route import Route
    from stook.server.services import Services

__all__ = ["Manners"]


class Manners:
    """A dialect overrides what it does otherwise. Errors are raised as `Refusal` or `StookError` everywhere; `refused`
    words them."""

    async def caller(self, services: Services, request: Request) -> KeyView:
        """Who asks: its key and project. 401 without a key that is valid now."""
        return await find_caller(services.keys, request.headers.get("authorization"))

    async def handle(self, route: Route, call: Call) -> Response:
        """With an Idempotency-Key the answer is kept, for routes that may."""
        key = call.idempotency_key
        if key is None or "Idempotency-Key" in route.headers or call.request.method in ("GET", "HEAD"):
            return await route.handler(call)
        if not route.once:
            raise Refusal(
                400,
                "option_error",
                f"{route.name} takes no Idempotency-Key",
                hint="leave the header out",
                field="Idempotency-Key",
            )
        limit = max(call.services.limits.batch_bytes, 2 * call.services.blobs.most) if route.large else None
        return await once(call, key, route.handler, limit=limit)

    def missing(self, path: str) -> Refusal:
        """Nothing is served there."""
        return Refusal(404, "not_found", f"there is nothing at {path}", hint="see /api/v1/openapi.json")

    def not_allowed(self, method: str, path: str, allowed: str) -> Refusal:
        """Something is, by other methods."""
        return Refusal(
            405,
            "method_not_allowed",
            f"{method} is not allowed at {path}",
            hint=f"allowed: {allowed}",
            headers={"allow": allowed},
        )

    def refused(self, refusal: Refusal) -> Response:
        """The answer. 500 too comes through here."""
        return Response(refusal.body(), refusal.status, media_type=JSON, headers=refusal.headers)
