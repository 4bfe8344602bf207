"""The ASGI application: one table of routes, one way in, one way out."""

from __future__ import annotations

import functools
import logging
import re
import secrets
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.routing import Route as PathRoute
from starlette.routing import Router

from stook.core.errors import StookError
from stook.server.access import trail_of, under_way
from stook.server.body import Body, SenderGone
from stook.server.call import Call
from stook.server.caller import may
from stook.server.dialects import DIALECTS
from stook.server.manners import Manners
from stook.server.refusal import Refusal, no_room, refusal_of
from stook.server.routes import ROUTES
from stook.telemetry.tracing import called_with

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from stook.server.access import Trail
    from stook.server.route import Route
    from stook.server.services import Services
    from stook.telemetry.http_figures import HttpFigures

__all__ = ["make_app"]

log = logging.getLogger("stook.server")
_REQUEST_ID: Final = re.compile(r"(?!stk_)[A-Za-z0-9_.:-]{1,64}")
_CLOSED: Final = 499
"""Nobody is there to read it."""


def make_app(services: Services) -> ASGIApp:
    """Serves the native API under /api/v1, and each dialect under its own prefix. The caller closes `services` once the
    app serves no more."""
    return _Outside(_Mounted(services), services.figures.http)


class _Mounted:
    """Native paths go before those of the dialect that is served at the root, if there is one."""

    def __init__(self, services: Services) -> None:
        self._native = _Table(services, ROUTES, Manners())
        self._dialects = {one.prefix: _Table(services, one.routes, one.manners, one.prefix) for one in DIALECTS}
        self._root = self._dialects.get(f"/{services.settings.root_dialect}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        first, _, rest = path[1:].partition("/")
        prefix = f"/{first}"
        table = self._dialects.get(prefix)
        if table is not None:
            scope = {**scope, "path": f"/{rest}"}
        elif self._root is None or prefix == "/api" or path in self._native.plain:
            table = self._native
        else:
            table = self._root
        await table(scope, receive, send)


class _Table:
    """Paths without parameters are found at once; the router tries its patterns one by one."""

    def __init__(self, services: Services, routes: Iterable[Route], manners: Manners, prefix: str = "") -> None:
        self._manners = manners
        paths: dict[str, dict[str, Route]] = {}
        for route in routes:
            paths.setdefault(route.path, {})[route.method] = route
        served = [PathRoute(path, _Path(services, prefix + path, ways, manners)) for path, ways in paths.items()]
        # The bare router: what is around it in a Starlette application would answer errors in its own way.
        self._router = Router(served, redirect_slashes=False, default=self._nothing_there)
        self.plain = {one.path: one.app for one in served if not one.param_convertors}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        trail_of(scope).refused_by = self._manners.refused
        await self.plain.get(scope["path"], self._router)(scope, receive, send)

    async def _nothing_there(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _refused(self._manners.missing(scope["path"]), scope)(scope, receive, send)


class _Path:
    """What is served at one path, by method. An ASGI app of its own, so that Starlette leaves all methods to it."""

    def __init__(self, services: Services, path: str, routes: Mapping[str, Route], manners: Manners) -> None:
        self._services = services
        self._path = path
        self._routes = routes
        self._manners = manners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        trail_of(scope).route = self._path
        body = Body(receive, self._services.limits)
        try:
            response = await self._respond(Request(scope), body)
        except Refusal as refusal:
            response = _refused(refusal, scope)
        except StookError as error:
            response = _refused(refusal_of(error), scope)
        except SenderGone as error:
            response = _refused(Refusal(408, "sender_gone", str(error), hint="send it again"), scope)
        except MemoryError:
            log.warning("the system has refused this process memory")
            response = _refused(no_room("memory"), scope)
        if response.status_code >= 400:  # noqa: PLR2004 - where refusals begin
            await body.drain()
        self._services.figures.http.received_bytes.inc(body.received)
        await response(scope, receive, send)

    async def _respond(self, request: Request, body: Body) -> Response:
        route = self._routes.get(request.method)
        if request.method == "HEAD":  # what asks whether the server is up may leave the answer's body away
            route = next((one for one in self._routes.values() if one.method == "GET" and one.scope is None), None)
        if route is None:
            raise self._manners.not_allowed(request.method, request.url.path, ", ".join(sorted(self._routes)))
        key = None
        if route.scope is not None:
            key = await self._manners.caller(self._services, request)
            trail_of(request.scope).key = key
            may(key, route.scope)
        call = Call(request, self._services, body, key)
        with called_with(request.headers):
            return await self._manners.handle(route, call)


def _refused(refusal: Refusal, scope: Scope) -> Response:
    trail = trail_of(scope)
    trail.refused = refusal.problem.code
    return trail.refused_by(refusal)


class _Outside:
    """Every answer has an id, and no exception leaves but to cut an answer that has begun."""

    def __init__(self, app: ASGIApp, figures: HttpFigures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        with under_way(scope, request_id, self._figures) as trail:
            tagged = functools.partial(_tagged, send, trail)
            try:
                await self._app(scope, receive, tagged)
            except Exception:
                known = {"request_id": request_id, "route": trail.route}
                log.exception("request %s failed: %s %s", request_id, scope["method"], trail.route, extra=known)
                if trail.begun_at is not None:
                    raise
                failed = Refusal(
                    500, "internal_error", f"this is a fault of the server; its log tells more of request {request_id}"
                )
                await _refused(failed, scope)(scope, receive, tagged)


async def _tagged(send: Send, trail: Trail, message: Message) -> None:
    if message["type"] == "http.response.start":
        message["headers"] = [*message.get("headers", ()), (b"x-request-id", trail.request_id.encode())]
        trail.answering(message)
    await send(message)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given: str = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(given):
                return given
    return secrets.token_hex(8)
