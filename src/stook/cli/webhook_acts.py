"""`stook webhooks rotate`, `test`, `enable`, `disable`, `remove`, `replay`, `new-key`."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, Json, Reach
from stook.cli.webhook_options import DeliveryStateWord, EndpointArgument, OwnSecret

if TYPE_CHECKING:
    from stook.client.webhooks import AsyncWebhooks, Endpoint

__all__ = ["disable", "enable", "new_key", "remove", "replay", "rotate", "send_test"]


def rotate(
    endpoint: EndpointArgument,
    /,
    *,
    overlap: Annotated[float, Parameter(help="Seconds for which the secret so far signs as well.")] = 86_400.0,
    own_secret: OwnSecret = False,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Give an endpoint a new secret, shown this once."""
    from stook.cli.documents import print_document
    from stook.cli.webhook_documents import shown_document
    from stook.cli.webhook_reach import ask_hidden, in_webhooks
    from stook.cli.webhook_tables import said_once

    secret = ask_hidden("secret") if own_secret else None
    view = in_webhooks(where, lambda webhooks: webhooks.rotate_secret(endpoint, overlap=overlap, secret=secret))
    print_document(shown_document(view)) if as_json else print("\n".join(said_once(view)))
    return 0


def send_test(endpoint: EndpointArgument, /, *, where: Reach = ANYWHERE, as_json: Json = False) -> int:
    """Send an endpoint a webhook.test event.

    A server delivers it; `stook webhooks delivery ID` says what came of it.
    """
    from stook.cli.documents import print_document
    from stook.cli.webhook_reach import in_webhooks

    delivery = in_webhooks(where, lambda webhooks: webhooks.test(endpoint))
    print_document({"delivery": delivery}) if as_json else print(f"{delivery}  on its way")
    return 0


def enable(endpoint: EndpointArgument, /, *, where: Reach = ANYWHERE, as_json: Json = False) -> int:
    """Send events to an endpoint again.

    What happened meanwhile was kept: `stook webhooks replay ID --since TIME`.
    """
    from stook.cli.webhook_reach import in_webhooks

    return _said(in_webhooks(where, lambda webhooks: webhooks.enable(endpoint)), as_json=as_json)


def disable(
    endpoint: EndpointArgument,
    /,
    *,
    reason: Annotated[str, Parameter(help="Why, for people.")] = "disabled by user",
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Send nothing more to an endpoint; its events are kept.

    What waits for it is given up, and can be replayed.
    """
    from stook.cli.webhook_reach import in_webhooks

    return _said(in_webhooks(where, lambda webhooks: webhooks.disable(endpoint, reason=reason)), as_json=as_json)


def remove(
    endpoint: EndpointArgument,
    /,
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="Do not ask.")] = False,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Remove an endpoint; what waits for it is given up."""
    from stook.cli.documents import print_document
    from stook.cli.exits import Exit
    from stook.cli.figures import one_line
    from stook.cli.webhook_reach import in_webhooks
    from stook.core.errors import OptionError

    async def removed(webhooks: AsyncWebhooks) -> str | None:
        view = await webhooks.get(endpoint)
        if not yes:
            if not sys.stdin.isatty():
                raise OptionError("nobody is there to ask", hint="--yes removes without asking")
            print(f"remove {view.id} to {one_line(view.url)}? [y/N] ", end="", file=sys.stderr, flush=True)
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                return None
        await webhooks.delete(view.id)
        return view.id

    gone = in_webhooks(where, removed)
    if gone is None:
        print("nothing was removed", file=sys.stderr)
        return Exit.WRONG
    print_document({"removed": gone}) if as_json else print(f"{gone}  removed")
    return 0


def replay(
    id_: Annotated[str, Parameter(name="ID", help="A delivery, or an endpoint (whe_…) with one of the options.")],
    /,
    *,
    state: Annotated[DeliveryStateWord | None, Parameter(help="Of an endpoint: its deliveries in this state.")] = None,
    since: Annotated[
        datetime | None, Parameter(help="Of an endpoint: of events from this time on (local, where it says no zone).")
    ] = None,
    every: Annotated[
        bool, Parameter(name="--all", help="Of an endpoint: every event it wants that is still kept.")
    ] = False,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Send again: one delivery, or many of an endpoint.

    The events keep their ids and bodies. Without --state these are all events
    that the endpoint wants, also those of the time it was disabled.
    """
    from stook.cli.documents import print_document
    from stook.cli.figures import plural
    from stook.cli.webhook_documents import delivery_document
    from stook.cli.webhook_reach import in_webhooks
    from stook.core.errors import OptionError

    chosen = every or state is not None or since is not None
    if not id_.startswith("whe_"):
        if chosen:
            raise OptionError("--state, --since and --all are for endpoints", hint="a delivery is replayed as it is")
        view = in_webhooks(where, lambda webhooks: webhooks.replay_delivery(id_))
        print_document(delivery_document(view)) if as_json else print(f"{view.id}  {view.state}, run {view.run}")
        return 0
    if not chosen:
        raise OptionError("replay what?", hint="--state dead, --since 2026-11-22T08:00 or --all")
    if every and (state is not None or since is not None):
        raise OptionError("--all leaves nothing to choose", hint="leave it out, or leave out --state and --since")
    from_ = None if since is None else since.astimezone()
    count = in_webhooks(where, lambda webhooks: webhooks.replay(id_, since=from_, state=state))
    deliveries = plural(count, "delivery", "deliveries")
    print_document({"replayed": count}) if as_json else print(f"{deliveries} on their way again")
    return 0


def new_key() -> int:
    """Print a new key to encrypt secrets with.

    It is for STOOK_ENCRYPTION_KEY, the same for all servers of a store. To
    change it, put the new one first and the old ones behind it, with commas.
    """
    from stook.wiring.encryption_key import new_encryption_key

    print(new_encryption_key())
    return 0


def _said(view: Endpoint, *, as_json: bool) -> int:
    from stook.cli.documents import print_document
    from stook.cli.figures import one_line
    from stook.cli.webhook_documents import endpoint_document

    if as_json:
        print_document(endpoint_document(view))
    else:
        print(f"{view.id}  {view.status}{'' if view.reason is None else f': {one_line(view.reason)}'}")
    return 0
