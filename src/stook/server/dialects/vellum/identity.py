"""Who one is here: workspace, organization and environment of a key."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from stook.server.call import answer
from stook.server.route import Route
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.server.call import Call

__all__ = ["ROUTES", "environment_of"]

_OURS: Final = uuid.UUID("5b1b2c0e-6a5f-5a80-8a0e-2f4f1c9b7d11")
_LIMITS: Final = ("max_concurrency", "max_queued_items", "max_payload_bytes", "max_rate")


def environment_of(project: str) -> dict[str, str]:
    """Each workspace has one."""
    return {"id": str(uuid.uuid5(_OURS, f"environment\0{project}")), "name": "production", "label": "Production"}


async def workspace_identity(call: Call) -> Response:
    """A project is a workspace."""
    project = call.key.project
    view = await call.services.projects.show(project)
    created = call.key.created_at if view.created_at is None else view.created_at
    shown = {"id": str(uuid.uuid5(_OURS, f"workspace\0{project}")), "name": project, "label": project}
    return answer({**shown, "created": stamp(created)})


async def organization_identity(call: Call) -> Response:
    """The server is one. `limit_config`: what the project may have, null where nothing limits it."""
    view = await call.services.projects.show(call.key.project)
    limits: dict[str, Any] = {name: getattr(view, name) for name in _LIMITS}
    return answer(
        {
            "id": str(uuid.uuid5(_OURS, "organization")),
            "name": "stook",
            "new_member_join_behavior": "REQUIRE_EXPLICIT_INVITE",
            "limit_config": limits,
        }
    )


async def environment_identity(call: Call) -> Response:
    return answer(environment_of(call.key.project))


ROUTES = [
    Route(
        method="GET",
        path="/v1/workspaces/identity",
        name="vellum_workspace",
        scope="read",
        handler=workspace_identity,
        summary="The workspace of the key",
    ),
    Route(
        method="GET",
        path="/v1/organizations/identity",
        name="vellum_organization",
        scope="read",
        handler=organization_identity,
        summary="The organization of the key",
    ),
    Route(
        method="GET",
        path="/v1/environments/identity",
        name="vellum_environment",
        scope="read",
        handler=environment_identity,
        summary="The environment of the key",
    ),
]
