"""Webhook endpoints and deliveries, which Vellum has no routes for: our own, at this dialect's addresses too. What they
call `tasks` may be said as `deployments` here, by ids or names."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.server import webhook_deliveries, webhook_endpoints
from stook.server.call import JSON, answer
from stook.server.dialects.vellum.refused import bad
from stook.server.dialects.vellum.releases import find_name

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.server.call import Call
    from stook.server.route import Handler, Route

__all__ = ["ROUTES"]

_NATIVE: Final = "/api/v1"
_HERE: Final = "deployments"
_THERE: Final = "tasks"


def _alias(one: Route) -> Route:
    handler = _translated(one.handler) if one.path.startswith(f"{_NATIVE}/webhook-endpoints") else one.handler
    path = f"/v1{one.path.removeprefix(_NATIVE)}"
    return replace(one, path=path, name=f"vellum_{one.name}", once=False, handler=handler)


def _translated(native: Handler) -> Handler:
    async def handler(call: Call) -> Response:
        if call.request.method in ("POST", "PATCH"):
            await _ask_natively(call)
        return _shown_here(await native(call))

    return handler


async def _ask_natively(call: Call) -> None:
    """404 for a deployment that this project has not."""
    body: Any = None
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # said by the native route
        body = msgspec.json.decode(await call.raw() or b"{}")
    if not isinstance(body, dict) or _HERE not in body:
        return
    given = body.pop(_HERE)
    if given is not None:
        if body.get(_THERE) is not None:
            raise bad(f"give {_HERE} or {_THERE}, not both")
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            raise bad(f"{_HERE} is no list of ids or names")
        body[_THERE] = [await find_name(call, one) for one in given]
    call.instead(msgspec.json.encode(body))


def _shown_here(response: Response) -> Response:
    if response.media_type != JSON or not response.body:
        return response
    whole = msgspec.json.decode(response.body)
    for one in whole.get("data", [whole]):
        if _THERE in one:
            one[_HERE] = one[_THERE]
    return answer(whole, response.status_code)


ROUTES = [_alias(one) for one in (*webhook_endpoints.ROUTES, *webhook_deliveries.ROUTES)]
