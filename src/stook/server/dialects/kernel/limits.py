"""How many invocations a project may run at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from stook.core.errors import NotFound
from stook.server.body import decode_body
from stook.server.call import answer
from stook.server.dialects.kernel.manners import administers, no_project
from stook.server.dialects.kernel.refusals import KernelRefusal, bad_request
from stook.server.dialects.kernel.shapes import ProjectLimits
from stook.server.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.engine.projects import ProjectView
    from stook.server.call import Call

__all__ = ["ROUTES"]


class ChangeLimits(msgspec.Struct):
    max_concurrent_invocations: Any = None
    max_pooled_sessions: Any = None


async def show_limits(call: Call) -> Response:
    return answer(_shown(await _found(call)))


async def change_limits(call: Call) -> Response:
    """0 takes the limit away; what is left out, or null, stays."""
    body = decode_body(await call.raw() or b"{}", ChangeLimits)
    most = _most(body.max_concurrent_invocations)
    if body.max_pooled_sessions is not None:
        raise bad_request("max_pooled_sessions: there are no browsers here")
    if "admin" not in call.key.scopes:
        raise KernelRefusal(403, "forbidden", "limits are changed with an administrator's key")
    found = await _found(call)
    if isinstance(most, UnsetType):
        return answer(_shown(found))
    by = call.recording("change project", None, f"project {found.name}"[:500])
    return answer(_shown(await call.services.projects.change(found.name, max_concurrency=most, by=by)))


def _most(given: Any) -> int | UnsetType | None:
    if given is None:
        return UNSET
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given < 2**31:
        raise bad_request("max_concurrent_invocations: is not a whole number ≥ 0")
    return given or None


async def _found(call: Call) -> ProjectView:
    name = call.path("project")
    if name != call.key.project and not administers(call.key):
        raise no_project(name)
    try:
        return await call.services.projects.show(name)
    except NotFound:
        raise no_project(name) from None


def _shown(found: ProjectView) -> ProjectLimits:
    return ProjectLimits(max_concurrent_invocations=found.max_concurrency)


def _routes(path: str, name: str) -> list[Route]:
    return [
        Route(
            method="GET",
            path=path,
            name=f"show_{name}",
            scope="read",
            handler=show_limits,
            summary="The limits of a project",
            answers=((200, ProjectLimits),),
        ),
        Route(
            method="PATCH",
            path=path,
            name=f"change_{name}",
            scope="read",
            handler=change_limits,
            summary="Change the limits of a project, as an administrator",
            answers=((200, ProjectLimits),),
        ),
    ]


ROUTES = [
    *_routes("/org/projects/{project}/limits", "limits"),
    *_routes("/projects/{project}/limits", "project_limits"),
]
