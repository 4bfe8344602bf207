"""The secret with which API nodes sign what they send: what Vellum's people set for their workspace by hand."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from starlette.responses import Response

from stook.engine.workspace_secrets import WorkspaceSecrets
from stook.server.call import answer
from stook.server.dialects.vellum.asking import read_body
from stook.server.dialects.vellum.refused import bad, not_there
from stook.server.route import Route
from stook.store.script.read.storable import storable
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from stook.server.call import Call

__all__ = ["ROUTES"]

_PATH: Final = "/v1/workspaces/hmac-secret"
_LATEST: Final = 30 * 24 * 3600


class SecretChange(msgspec.Struct):
    """`secret` null: a fresh one. `after`: seconds until it counts, so that receivers can be told of it before."""

    secret: Annotated[str, msgspec.Meta(min_length=16, max_length=500)] | None = None
    after: Annotated[float, msgspec.Meta(ge=0, le=_LATEST)] | None = None


async def put_secret(call: Call) -> Response:
    """Shown this once. Until it counts, what counted before does, and no run is disturbed."""
    asked = await read_body(call, SecretChange)
    secret = asked.secret or secrets.token_hex(16)
    if not storable(secret):
        raise bad("secret holds NUL")
    made = await _secrets(call).put(call.key.project, secret, asked.after or 0.0)
    return answer({"secret": secret, "from": stamp(made.from_at)})


async def show_secret(call: Call) -> Response:
    found = await _secrets(call).show(call.key.project)
    if found is None:
        raise not_there("no secret is set: API nodes sign nothing")
    return answer(
        {"from": stamp(found.from_at), "in_use": found.now >= found.from_at, "before": found.before is not None}
    )


async def drop_secret(call: Call) -> Response:
    await _secrets(call).drop(call.key.project)
    return Response(status_code=204)


def _secrets(call: Call) -> WorkspaceSecrets:
    return WorkspaceSecrets(call.services.store, call.services.seal)


ROUTES = [
    Route(
        method="PUT",
        path=_PATH,
        name="vellum_put_hmac_secret",
        scope="admin",
        handler=put_secret,
        summary="Set the secret that API nodes sign with",
    ),
    Route(
        method="GET",
        path=_PATH,
        name="vellum_show_hmac_secret",
        scope="read",
        handler=show_secret,
        summary="Whether API nodes sign, and since when",
    ),
    Route(
        method="DELETE",
        path=_PATH,
        name="vellum_drop_hmac_secret",
        scope="admin",
        handler=drop_secret,
        summary="Have API nodes sign nothing",
        answers=((204, None),),
    ),
]
