"""Webhook endpoints: made, changed, tested, replayed. Secrets are in the answers that make them, and nowhere else."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Final

import msgspec
from starlette.responses import Response

from stook.core.errors import InputError, NotFound
from stook.server.call import answer, as_json
from stook.server.idempotent import ShownOnce
from stook.server.refusal import Refusal, refusal_of
from stook.server.route import Route
from stook.server.webhook_shown import endpoint_of, shown_endpoint_of
from stook.wire.stamp import micros
from stook.wire.webhook import (
    ChangeWebhookEndpoint,
    DisableWebhookEndpoint,
    NewWebhookEndpoint,
    ReplayedWebhooks,
    ReplayWebhooks,
    RotateWebhookSecret,
    ShownWebhookEndpoint,
    WebhookEndpoint,
    WebhookEndpointPage,
    WebhookEndpointQuery,
    WebhookTested,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stook.engine.recording import Recording
    from stook.engine.webhook_views import Endpoint
    from stook.server.call import Call
    from stook.server.ports import SealedSecret
    from stook.server.route import Handler
    from stook.wire.key import Scope

__all__ = ["ROUTES"]

_WORD: Final = re.compile(r"\w+")
_FIELDS: Final = {*NewWebhookEndpoint.__struct_fields__, *RotateWebhookSecret.__struct_fields__}


async def list_endpoints(call: Call) -> Response:
    query = call.query(WebhookEndpointQuery)
    try:
        found, after = await call.tenant.webhooks.list(after=query.after, limit=query.limit)
    except NotFound:
        raise Refusal(
            400, "option_error", f"after={query.after!r} is no cursor", hint="it is `next` of a page", field="after"
        ) from None
    return answer(WebhookEndpointPage([endpoint_of(one) for one in found], after))


async def create_endpoint(call: Call) -> Response:
    """The secret is shown this once; a repeat under the same Idempotency-Key is answered without it."""
    body = await call.body(NewWebhookEndpoint)
    with _fields_named():
        new, secret = call.services.endpoint_secrets.new_endpoint(body)
        by = call.recording("create webhook endpoint", None, _named(new.id))
        made = await call.tenant.webhooks.create(new, by=by)
    return _shown_once(made, None if by.repeated else secret, 201)


async def show_endpoint(call: Call) -> Response:
    return answer(endpoint_of(await call.tenant.webhooks.get(call.path("endpoint"))))


async def change_endpoint(call: Call) -> Response:
    endpoint_id = call.path("endpoint")
    body = await call.body(ChangeWebhookEndpoint)
    await call.tenant.webhooks.get(endpoint_id)
    with _fields_named():
        changes = call.services.endpoint_secrets.changes(body)
        by = _recording(call, "change webhook endpoint")
        changed = await call.tenant.webhooks.update(endpoint_id, changes, by=by)
    return answer(endpoint_of(changed))


async def delete_endpoint(call: Call) -> Response:
    await call.tenant.webhooks.delete(call.path("endpoint"), by=_recording(call, "delete webhook endpoint"))
    return Response(status_code=204)


async def rotate_secret(call: Call) -> Response:
    """As creation shows it."""
    endpoint_id = call.path("endpoint")
    body = await call.body(RotateWebhookSecret)
    await call.tenant.webhooks.get(endpoint_id)
    with _fields_named():
        secret = call.services.endpoint_secrets.secret(body.secret)
        by = _recording(call, "rotate webhook secret")
        changed = await call.tenant.webhooks.rotate(endpoint_id, secret.sealed, secret.hint, body.overlap, by=by)
    return _shown_once(changed, None if by.repeated else secret, 200)


async def test_endpoint(call: Call) -> Response:
    by = _recording(call, "test webhook endpoint")
    return answer(WebhookTested(await call.tenant.webhooks.test(call.path("endpoint"), by=by)), 202)


async def enable_endpoint(call: Call) -> Response:
    by = _recording(call, "enable webhook endpoint")
    return answer(endpoint_of(await call.tenant.webhooks.enable(call.path("endpoint"), by=by)))


async def disable_endpoint(call: Call) -> Response:
    body = await call.body(DisableWebhookEndpoint)
    by = _recording(call, "disable webhook endpoint")
    return answer(endpoint_of(await call.tenant.webhooks.disable(call.path("endpoint"), body.reason, by=by)))


async def replay_endpoint(call: Call) -> Response:
    body = await call.body(ReplayWebhooks)
    since = None if body.since is None else micros(body.since)
    by = _recording(call, "replay webhooks")
    count = await call.tenant.webhooks.replay(call.path("endpoint"), since=since, state=body.state, by=by)
    return answer(ReplayedWebhooks(count), 202)


def _recording(call: Call, kind: str) -> Recording:
    return call.recording(kind, None, _named(call.path("endpoint")))


def _named(endpoint_id: str) -> str:
    return f"webhook endpoint {endpoint_id}"[:500]


def _shown_once(view: Endpoint, secret: SealedSecret | None, status: int) -> Response:
    shown, kept = as_json(shown_endpoint_of(view, secret)), as_json(shown_endpoint_of(view, None))
    return ShownOnce(shown, kept, status)


@contextlib.contextmanager
def _fields_named() -> Iterator[None]:
    """What is wrong with a part of the body says which: by its `where`, or by the word its message begins with."""
    try:
        yield
    except InputError as error:
        field, error.where = error.where or _first_word(error.message), None
        if field is None:
            raise
        refusal = refusal_of(error)
        refusal.problem = msgspec.structs.replace(refusal.problem, field=field)
        raise refusal from None


def _first_word(text: str) -> str | None:
    found = _WORD.match(text)
    return found[0] if found is not None and found[0] in _FIELDS else None


def _act(
    name: str,
    what: str,
    handler: Handler,
    summary: str,
    *,
    scope: Scope = "admin",
    body: type[msgspec.Struct] | None = None,
    made: tuple[int, type[msgspec.Struct]] = (200, WebhookEndpoint),
) -> Route:
    return Route(
        method="POST",
        path=f"/api/v1/webhook-endpoints/{{endpoint}}/{what}",
        name=name,
        scope=scope,
        handler=handler,
        summary=summary,
        body=body,
        answers=(made,),
        once=True,
    )


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/webhook-endpoints",
        name="list_webhook_endpoints",
        scope="read",
        handler=list_endpoints,
        summary="Webhook endpoints of the project, oldest first",
        query=WebhookEndpointQuery,
        answers=((200, WebhookEndpointPage),),
    ),
    Route(
        method="POST",
        path="/api/v1/webhook-endpoints",
        name="create_webhook_endpoint",
        scope="admin",
        handler=create_endpoint,
        summary="A new webhook endpoint; its secret is shown this once",
        body=NewWebhookEndpoint,
        answers=((201, ShownWebhookEndpoint),),
        once=True,
    ),
    Route(
        method="GET",
        path="/api/v1/webhook-endpoints/{endpoint}",
        name="show_webhook_endpoint",
        scope="read",
        handler=show_endpoint,
        summary="One webhook endpoint",
        answers=((200, WebhookEndpoint),),
    ),
    Route(
        method="PATCH",
        path="/api/v1/webhook-endpoints/{endpoint}",
        name="change_webhook_endpoint",
        scope="admin",
        handler=change_endpoint,
        summary="Change what is given; null is the default",
        body=ChangeWebhookEndpoint,
        answers=((200, WebhookEndpoint),),
    ),
    Route(
        method="DELETE",
        path="/api/v1/webhook-endpoints/{endpoint}",
        name="delete_webhook_endpoint",
        scope="admin",
        handler=delete_endpoint,
        summary="Nothing more is sent to it",
        answers=((204, None),),
    ),
    _act(
        "rotate_webhook_secret",
        "rotate-secret",
        rotate_secret,
        "A new secret, shown this once; the old one signs as well for a while",
        body=RotateWebhookSecret,
        made=(200, ShownWebhookEndpoint),
    ),
    _act(
        "test_webhook_endpoint",
        "test",
        test_endpoint,
        "Send it a webhook.test event",
        scope="operate",
        made=(202, WebhookTested),
    ),
    _act("enable_webhook_endpoint", "enable", enable_endpoint, "Events are sent to it again"),
    _act(
        "disable_webhook_endpoint",
        "disable",
        disable_endpoint,
        "Nothing is sent to it; events are kept",
        body=DisableWebhookEndpoint,
    ),
    _act(
        "replay_webhook_endpoint",
        "replay",
        replay_endpoint,
        "Send again what was sent to it, or would have been",
        scope="operate",
        body=ReplayWebhooks,
        made=(202, ReplayedWebhooks),
    ),
]
