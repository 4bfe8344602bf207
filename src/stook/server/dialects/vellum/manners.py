"""How Vellum's routes take requests."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Final

from stook.server.dialects.vellum.refused import VellumRefusal, not_there, refused
from stook.server.manners import Manners

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from stook.engine.keys import KeyView
    from stook.server.call import Call
    from stook.server.refusal import Refusal
    from stook.server.route import Route
    from stook.server.services import Services

__all__ = ["VellumManners"]

_LONGEST: Final = 200
_PAGES: Final = ("/vellum/workflows/executions", "/workflows/executions")
_CHALLENGE: Final = 'Basic realm="stook: the key of the project is the password", charset="UTF-8"'


class VellumManners(Manners):
    """The key comes as X-API-KEY, or as X_API_KEY from older programs; for the page of an execution, which browsers ask
    for, also as the password of Basic authentication: there alone, since browsers send it along unasked. There are no
    idempotency keys: `external_id` is what makes a submission safe to send again."""

    async def caller(self, services: Services, request: Request) -> KeyView:
        secret = (request.headers.get("x-api-key") or request.headers.get("x_api_key") or "").strip()
        page = request.method in ("GET", "HEAD") and request.scope["path"].rpartition("/")[0].endswith(_PAGES)
        if page and not secret:
            secret = _password(request.headers.get("authorization") or "")
        if not secret:
            raise _unknown("a key is needed: send the header X-API-KEY", page=page)
        found = await services.keys.find(secret) if len(secret) <= _LONGEST and secret.isascii() else None
        if found is None:
            raise _unknown("this key is not valid (any more): send `stk_<id>_<secret>` as X-API-KEY", page=page)
        return found

    async def handle(self, route: Route, call: Call) -> Response:
        return await route.handler(call)

    def missing(self, path: str) -> Refusal:
        return not_there(f"there is nothing at {path}")

    def not_allowed(self, method: str, path: str, allowed: str) -> Refusal:
        refusal = VellumRefusal(405, f"{method} is not allowed at {path}; allowed: {allowed}")
        refusal.headers["allow"] = allowed
        return refusal

    def refused(self, refusal: Refusal) -> Response:
        return refused(refusal)


def _password(header: str) -> str:
    """Empty for what is no Basic authentication."""
    scheme, _, given = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(given.strip(), validate=True).decode().partition(":")[2].strip()
    except ValueError:
        return ""


def _unknown(detail: str, *, page: bool) -> VellumRefusal:
    refusal = VellumRefusal(401, detail)
    if page:
        refusal.headers["www-authenticate"] = _CHALLENGE
    return refusal
