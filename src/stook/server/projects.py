"""Projects: one's own, and, for admins of the project `default`, all of the installation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.server.call import answer
from stook.server.keys import show_secret
from stook.server.refusal import Refusal
from stook.server.route import Route
from stook.server.shown import project_of
from stook.wire.key import NewKey, ShownKey
from stook.wire.project import ChangeProject, NewProject, Project, ProjectPage

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.engine.recording import Recording
    from stook.server.call import Call

__all__ = ["ROUTES"]

_FIRST: Final = "default"
_CHANGES: Final = ("weight", "max_concurrency", "max_queued_items", "max_payload_bytes", "max_rate")


async def show_project(call: Call) -> Response:
    return answer(project_of(await call.services.projects.show(call.key.project)))


async def change_project(call: Call) -> Response:
    return await _change(call, call.key.project)


async def list_projects(call: Call) -> Response:
    _only_first(call)
    return answer(ProjectPage([project_of(view) for view in await call.services.projects.list()]))


async def create_project(call: Call) -> Response:
    _only_first(call)
    body = await call.body(NewProject)
    by = _recording(call, "create project", body.name)
    view = await call.services.projects.create(body.name, **_given(body), by=by)
    return answer(project_of(view), 201)


async def change_named_project(call: Call) -> Response:
    _only_first(call)
    return await _change(call, call.path("project"))


async def create_project_key(call: Call) -> Response:
    """The way into a project that has no key yet. The secret is shown this once."""
    _only_first(call)
    body = await call.body(NewKey)
    project = await call.services.projects.show(call.path("project"))
    by = call.recording("create key", None, "")
    view, secret = await call.services.keys.create(project.name, body.name, body.scopes, by=by)
    return show_secret(view, secret, 201)


async def _change(call: Call, name: str) -> Response:
    body = await call.body(ChangeProject)
    view = await call.services.projects.change(name, **_given(body), by=_recording(call, "change project", name))
    return answer(project_of(view))


def _given(body: ChangeProject) -> dict[str, Any]:
    values = {name: getattr(body, name) for name in _CHANGES}
    return {name: value for name, value in values.items() if value is not msgspec.UNSET}


def _only_first(call: Call) -> None:
    if call.key.project != _FIRST:
        raise Refusal(
            403,
            "forbidden",
            f"projects are administered with a key of the project {_FIRST!r}",
            hint="your own project is at /api/v1/project",
        )


def _recording(call: Call, kind: str, project: str) -> Recording:
    return call.recording(kind, None, f"project {project}"[:500])


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/project",
        name="show_project",
        scope="admin",
        handler=show_project,
        summary="The key's own project",
        answers=((200, Project),),
    ),
    Route(
        method="PATCH",
        path="/api/v1/project",
        name="change_project",
        scope="admin",
        handler=change_project,
        summary="Its share and limits, from now on",
        body=ChangeProject,
        answers=((200, Project),),
    ),
    Route(
        method="GET",
        path="/api/v1/projects",
        name="list_projects",
        scope="admin",
        handler=list_projects,
        summary="All projects, for admins of the project default",
        answers=((200, ProjectPage),),
    ),
    Route(
        method="POST",
        path="/api/v1/projects",
        name="create_project",
        scope="admin",
        handler=create_project,
        summary="A new project",
        body=NewProject,
        answers=((201, Project),),
        once=True,
    ),
    Route(
        method="PATCH",
        path="/api/v1/projects/{project}",
        name="change_named_project",
        scope="admin",
        handler=change_named_project,
        summary="Share and limits of any project",
        body=ChangeProject,
        answers=((200, Project),),
    ),
    Route(
        method="POST",
        path="/api/v1/projects/{project}/keys",
        name="create_project_key",
        scope="admin",
        handler=create_project_key,
        summary="A key of any project",
        body=NewKey,
        answers=((201, ShownKey),),
    ),
]
