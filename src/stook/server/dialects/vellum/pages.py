"""Where the link of a pushed workflow leads: which it is, and how to get it. It needs no key, and so says no more than
its address did."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

from stook.server.dialects.vellum.addresses import root_of
from stook.server.dialects.vellum.asking import uuid_text
from stook.server.dialects.vellum.refused import not_there
from stook.server.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.server.call import Call

__all__ = ["ROUTES"]

_PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<h1>{title}</h1><p>With a key of its project:</p><pre>curl -H "X-API-KEY: $VELLUM_API_KEY" {url}</pre>
"""


async def show_sandbox(call: Call) -> Response:
    return _page("Workflow sandbox", _id(call), f"-o workflow.zip {root_of(call)}/v1/workflows/{_id(call)}/pull")


def _id(call: Call) -> str:
    found = uuid_text(call.path("id"))
    if found is None:
        raise not_there(f"there is nothing at {call.request.url.path}")
    return found


def _page(what: str, id_: str, url: str) -> Response:
    return HTMLResponse(_PAGE.format(title=escape(f"{what} {id_}"), url=escape(url)))


ROUTES = [
    Route(
        method="GET",
        path="/workflow-sandboxes/{id}",
        name="vellum_sandbox_page",
        scope=None,
        handler=show_sandbox,
        summary="Where the link of a pushed workflow leads",
        answers=((200, "text/html"),),
    ),
]
