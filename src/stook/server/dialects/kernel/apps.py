"""Apps: one row per label of an app, as long as what it points at runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.server.call import answer
from stook.server.dialects.kernel.asked import asked, read_paging
from stook.server.dialects.kernel.shapes import AppVersion
from stook.server.dialects.kernel.shown import app_version
from stook.server.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.server.call import Call

__all__ = ["ROUTES"]


async def list_apps(call: Call) -> Response:
    """`version` is a label as it is written, `latest` too."""
    paging = read_paging(call)
    page = await call.services.deployments.versions(
        call.tenant.project,
        dialect="kernel",
        app=asked(call, "app_name"),
        label=asked(call, "version"),
        query=asked(call, "query"),
        limit=paging.limit,
        offset=paging.offset,
    )
    return answer(list(map(app_version, page.items)), headers=paging.headers(more=page.more))


ROUTES = [
    Route(
        method="GET",
        path="/apps",
        name="list_apps",
        scope="read",
        handler=list_apps,
        summary="Labels of apps whose deployments run",
        answers=((200, AppVersion),),
    ),
]
