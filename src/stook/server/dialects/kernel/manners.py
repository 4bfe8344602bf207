"""Who asks, for which project, and how this dialect says no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from starlette.responses import Response

from stook.core.errors import NotFound
from stook.server.call import JSON
from stook.server.caller import find_caller
from stook.server.dialects.kernel.refusals import KernelRefusal, refusal_in_words
from stook.server.manners import Manners

if TYPE_CHECKING:
    from starlette.requests import Request

    from stook.engine.keys import KeyView
    from stook.server.call import Call
    from stook.server.refusal import Refusal
    from stook.server.route import Route
    from stook.server.services import Services

__all__ = ["KernelManners", "administers", "no_project"]

_HEADERS: Final = ("x-kernel-project-id", "x-kernel-project")
_FIRST: Final = "default"


def administers(key: KeyView) -> bool:
    """All projects, not only its own."""
    return key.project == _FIRST and "admin" in key.scopes


def no_project(name: str) -> KernelRefusal:
    return KernelRefusal(404, "project_not_found", f"there is no project {name[:200]!r} that this key may use")


class KernelManners(Manners):
    async def caller(self, services: Services, request: Request) -> KeyView:
        """An administrator's key asks for the project that a header names; any other key can only name its own."""
        key = await find_caller(services.keys, request.headers.get("authorization"))
        for header in _HEADERS:
            name = request.headers.get(header)
            if name and name != key.project:
                key = msgspec.structs.replace(key, project=await _chosen(services, key, name))
        return key

    async def handle(self, route: Route, call: Call) -> Response:
        return await route.handler(call)

    def missing(self, path: str) -> Refusal:
        return KernelRefusal(404, "not_found", f"there is nothing at {path[:500]}")

    def not_allowed(self, method: str, path: str, allowed: str) -> Refusal:
        message = f"{method} is not allowed at {path}, {allowed} is"
        if path.startswith("/batch_jobs/"):
            message += "; a batch job is cancelled by POST /batch_jobs/{id}/cancel"
        return KernelRefusal(405, "method_not_allowed", message, headers={"allow": allowed})

    def refused(self, refusal: Refusal) -> Response:
        worded = refusal_in_words(refusal)
        return Response(worded.body(), worded.status, media_type=JSON, headers=worded.headers)


async def _chosen(services: Services, key: KeyView, name: str) -> str:
    if not administers(key):
        raise no_project(name)
    try:
        return (await services.projects.show(name)).name
    except NotFound:
        raise no_project(name) from None
