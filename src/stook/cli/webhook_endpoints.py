"""`stook webhooks list`, `add`, `show`, `update`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, Json, Reach
from stook.cli.webhook_options import (
    Batches,
    Bearer,
    EndpointArgument,
    Events,
    Header,
    MaxConcurrency,
    OwnSecret,
    Schemes,
    Tasks,
)

if TYPE_CHECKING:
    from stook.client.webhooks import AsyncWebhooks, Endpoint, ShownEndpoint

__all__ = ["add", "list_endpoints", "show", "update"]

Resettable = Literal["description", "events", "tasks", "batches", "auth", "schemes", "max_concurrency"]


def list_endpoints(*, where: Reach = ANYWHERE, as_json: Json = False) -> int:
    """List endpoints, oldest first."""
    from stook.cli.documents import print_document
    from stook.cli.tables import console_for
    from stook.cli.webhook_documents import endpoint_document
    from stook.cli.webhook_reach import in_webhooks
    from stook.cli.webhook_tables import endpoint_table

    async def read(webhooks: AsyncWebhooks) -> list[Endpoint]:
        return [one async for one in webhooks.list()]

    found = in_webhooks(where, read)
    if as_json:
        for view in found:
            print_document(endpoint_document(view))
    elif found:
        console_for(sys.stdout).print(endpoint_table(found))
    else:
        print("no webhook endpoints")
    return 0


def add(
    url: Annotated[str, Parameter(help="Where events are sent: http:// or https://.")],
    /,
    *,
    description: Annotated[str, Parameter(help="For people.")] = "",
    event: Events = (),
    task: Tasks = (),
    batches: Batches = None,
    header: Header = None,
    bearer: Bearer = False,
    scheme: Schemes = (),
    max_concurrency: MaxConcurrency = None,
    own_secret: OwnSecret = False,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Make an endpoint; its secret is shown this once.

    Without --event it is sent what happens to batches. Secrets are stored
    encrypted: with STOOK_ENCRYPTION_KEY, or on SQLite with the key in the file
    FILE.key beside the store, which is made for it.
    """
    from stook.cli.webhook_reach import ask_hidden, in_webhooks

    options = _options(description or None, event, task, batches, scheme, max_concurrency)
    options |= _auth(header, bearer=bearer)
    secret = ask_hidden("secret") if own_secret else None

    async def made(webhooks: AsyncWebhooks) -> ShownEndpoint:
        return await webhooks.create(url, secret=secret, **options)

    _show_once(in_webhooks(where, made), as_json=as_json)
    return 0


def show(endpoint: EndpointArgument, /, *, where: Reach = ANYWHERE, as_json: Json = False) -> int:
    """Show one endpoint."""
    from stook.cli.webhook_reach import in_webhooks

    _draw(in_webhooks(where, lambda webhooks: webhooks.get(endpoint)), as_json=as_json)
    return 0


def update(
    endpoint: EndpointArgument,
    /,
    *,
    url: Annotated[str | None, Parameter(help="Where events are sent from now on.")] = None,
    description: Annotated[str | None, Parameter(help="For people.")] = None,
    event: Events = (),
    task: Tasks = (),
    batches: Batches = None,
    header: Header = None,
    bearer: Bearer = False,
    scheme: Schemes = (),
    max_concurrency: MaxConcurrency = None,
    reset: Annotated[tuple[Resettable, ...], Parameter(help="Back to what it is by default; may be given again.")] = (),
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Change an endpoint; what is not given stays.

    What waits to be sent goes by what holds then.
    """
    from stook.cli.webhook_reach import in_webhooks
    from stook.core.errors import OptionError

    changes = _options(description, event, task, batches, scheme, max_concurrency) | _auth(header, bearer=bearer)
    if url is not None:
        changes["url"] = url
    for name in reset:
        if name in changes:
            raise OptionError(f"{name} is given and reset", hint="do one of them")
    changes |= dict.fromkeys(reset)
    if not changes:
        raise OptionError("nothing is to change", hint="`stook webhooks update --help` says what can")
    _draw(in_webhooks(where, lambda webhooks: webhooks.update(endpoint, **changes)), as_json=as_json)
    return 0


def _options(
    description: str | None,
    events: tuple[str, ...],
    tasks: tuple[str, ...],
    batches: str | None,
    schemes: tuple[str, ...],
    max_concurrency: int | None,
) -> dict[str, Any]:
    """What is given."""
    found = {
        "description": description,
        "events": events or None,
        "tasks": tasks or None,
        "batches": batches,
        "schemes": schemes or None,
        "max_concurrency": max_concurrency,
    }
    return {name: value for name, value in found.items() if value is not None}


def _auth(header: str | None, *, bearer: bool) -> dict[str, Any]:
    from stook.cli.webhook_reach import ask_hidden
    from stook.core.errors import OptionError

    if header is not None and bearer:
        raise OptionError("--header and --bearer exclude each other", hint="a request has one of them")
    if header is not None:
        return {"auth": {"kind": "header", "name": header, "value": ask_hidden("value")}}
    return {"auth": {"kind": "bearer", "token": ask_hidden("token")}} if bearer else {}


def _draw(view: Endpoint, *, as_json: bool) -> None:
    from stook.cli.documents import print_document
    from stook.cli.webhook_documents import endpoint_document
    from stook.cli.webhook_tables import draw_endpoint

    print_document(endpoint_document(view)) if as_json else draw_endpoint(view)


def _show_once(view: ShownEndpoint, *, as_json: bool) -> None:
    from stook.cli.documents import print_document
    from stook.cli.webhook_documents import shown_document
    from stook.cli.webhook_tables import said_once

    print_document(shown_document(view)) if as_json else print("\n".join(said_once(view)))
