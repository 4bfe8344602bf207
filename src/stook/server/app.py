"""The ASGI application: one table of routes, one way in, one way out."""

from __future__ import annotations

import functools
import logging
import re
import secrets
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as PathRoute
from starlette.routing import Router

from stook.core.errors import StookError
from stook.server.body import Body, SenderGone
from stook.server.call import JSON, Call
from stook.server.caller import find_caller, may
from stook.server.idempotent import once
from stook.server.refusal import Refusal, refusal_of
from stook.server.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from stook.server.route import Route
    from stook.server.services import Services

__all__ = ["make_app"]

log = logging.getLogger("stook.server")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_CLOSED: Final = 499
"""Nobody is there to read it."""


def make_app(services: Services) -> ASGIApp:
    """Serves the native API under /api/v1. The caller closes `services` once the app serves no more."""
    paths: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method] = route
    served = [PathRoute(path, _Path(services, methods)) for path, methods in paths.items()]
    # The bare router: what is around it in a Starlette application would answer errors in its own way.
    return _Outside(Router(served, redirect_slashes=False, default=_nothing_there))


async def _nothing_there(scope: Scope, receive: Receive, send: Send) -> None:
    missing = Refusal(404, "not_found", f"there is nothing at {scope['path']}", hint="see /api/v1/openapi.json")
    await _refused(missing)(scope, receive, send)


class _Path:
    """What is served at one path, by method. An ASGI app of its own, so that Starlette leaves all methods to it."""

    def __init__(self, services: Services, routes: Mapping[str, Route]) -> None:
        self._services = services
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = Body(receive, self._services.limits)
        try:
            response = await self._respond(Request(scope), body)
        except Refusal as refusal:
            response = _refused(refusal)
        except StookError as error:
            response = _refused(refusal_of(error))
        except SenderGone as error:
            response = _refused(Refusal(408, "sender_gone", str(error), hint="send it again"))
        if response.status_code >= 400:  # noqa: PLR2004 - where refusals begin
            await body.drain()
        await response(scope, receive, send)

    async def _respond(self, request: Request, body: Body) -> Response:
        route = self._routes.get(request.method)
        if request.method == "HEAD":  # what asks whether the server is up may leave the answer's body away
            route = next((one for one in self._routes.values() if one.method == "GET" and one.scope is None), None)
        if route is None:
            allowed = ", ".join(sorted(self._routes))
            raise Refusal(
                405,
                "method_not_allowed",
                f"{request.method} is not allowed at {request.url.path}",
                hint=f"allowed: {allowed}",
                headers={"allow": allowed},
            )
        key = None
        if route.scope is not None:
            key = await find_caller(self._services.keys, request.headers.get("authorization"))
            may(key, route.scope)
        call = Call(request, self._services, body, key)
        once_key = call.idempotency_key
        if once_key is None or "Idempotency-Key" in route.headers or request.method in ("GET", "HEAD"):
            return await route.handler(call)
        if not route.once:
            raise Refusal(
                400,
                "option_error",
                f"{route.name} takes no Idempotency-Key",
                hint="leave the header out",
                field="Idempotency-Key",
            )
        return await once(call, once_key, route.handler)


def _refused(refusal: Refusal) -> Response:
    return Response(refusal.body(), refusal.status, media_type=JSON, headers=refusal.headers)


class _Outside:
    """Every answer has an id, and no exception leaves but to cut an answer that has begun."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        state: dict[str, Any] = {"begun": False}
        tagged = functools.partial(_tagged, send, request_id.encode(), state)
        try:
            await self._app(scope, receive, tagged)
        except Exception:
            log.exception("request %s failed: %s %s", request_id, scope["method"], scope["path"])
            if state["begun"]:
                raise
            failed = Refusal(
                500, "internal_error", f"this is a fault of the server; its log tells more of request {request_id}"
            )
            await _refused(failed)(scope, receive, tagged)


async def _tagged(send: Send, request_id: bytes, state: dict[str, Any], message: Message) -> None:
    if message["type"] == "http.response.start":
        state["begun"] = True
        message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
    await send(message)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given: str = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(given):
                return given
    return secrets.token_hex(8)
