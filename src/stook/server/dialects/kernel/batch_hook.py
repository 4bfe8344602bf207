"""`webhook_url` of a batch job: an endpoint of the project that is called for those jobs alone that name it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stook.core.errors import StookError
from stook.server.dialects.kernel.refusals import bad_request
from stook.server.refusal import refusal_of
from stook.wire.webhook import NewWebhookEndpoint

if TYPE_CHECKING:
    from stook.server.call import Call

__all__ = ["check_hook_url", "hook_of"]

_DESCRIPTION: Final = "webhook_url of batch jobs"
_EVENT: Final = "batch.finished"
_PAGE: Final = 100


def check_hook_url(given: Any) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not given:
        raise bad_request("webhook_url: is not a URL")
    return given


async def hook_of(call: Call, url: str) -> str:
    """The endpoint's id: the one that is there for this address, else one made now. 400 for an address that may not be
    called."""
    webhooks, after = call.tenant.webhooks, None
    while True:
        page, after = await webhooks.list(after=after, limit=_PAGE)
        for one in page:
            if (one.url, one.batches, one.description, tuple(one.events)) == (url, "named", _DESCRIPTION, (_EVENT,)):
                return one.id
        if after is None:
            break
    wanted = NewWebhookEndpoint(url=url, description=_DESCRIPTION, events=[_EVENT], batches="named")
    try:
        new, _ = call.services.endpoint_secrets.new_endpoint(wanted)
    except StookError as error:
        if refusal_of(error).status >= 500:  # noqa: PLR2004 - not the caller's fault
            raise
        raise bad_request(f"webhook_url: {error.message}") from None
    return (await webhooks.create(new, by=call.recording("create webhook endpoint", None, "webhook_url"))).id
