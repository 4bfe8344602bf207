"""Releases of a workflow deployment, and the same as items of its history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stook.core.vellum_ids import workflow_deployment_id
from stook.core.vellum_release import source_of
from stook.server.call import answer
from stook.server.dialects.vellum.addresses import own_url
from stook.server.dialects.vellum.asking import asked
from stook.server.dialects.vellum.identity import environment_of
from stook.server.dialects.vellum.ordering import in_order, read_ordering
from stook.server.dialects.vellum.paging import page, read_paging
from stook.server.dialects.vellum.releases import find_name, find_release, releases_of, tags_of
from stook.server.dialects.vellum.variables import variables_of
from stook.server.route import Route
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from stook.core.deployment import AppVersion, Deployment
    from stook.server.call import Call

__all__ = ["ROUTES"]

_KEYS: Final = {"created": lambda one: one.created_at, "timestamp": lambda one: one.created_at}


async def list_releases(call: Call) -> Response:
    query = asked(call)
    paging = read_paging(query)
    ordering = read_ordering(query.get("ordering"), _KEYS, "-created")
    name = await find_name(call, call.path("deployment"))
    found = in_order(await releases_of(call, name), ordering, _KEYS)
    tags = await tags_of(call, name)
    shown = [_release(call, name, one, tags) for one in paging.cut(found)]
    return answer(page(shown, len(found), paging, own_url(call)))


async def show_release(call: Call) -> Response:
    name = await find_name(call, call.path("deployment"))
    found = await find_release(call, name, call.path("release"))
    return answer(_release(call, name, found, await tags_of(call, name)))


async def show_history_item(call: Call) -> Response:
    name = await find_name(call, call.path("deployment"))
    found = await find_release(call, name, call.path("item"))
    return answer(
        {
            "id": found.id,
            "workflow_deployment_id": workflow_deployment_id(call.key.project, name),
            "timestamp": stamp(found.created_at),
            "label": str(found.facts.get("label") or name),
            "name": name,
            "input_variables": variables_of(found, "input"),
            "output_variables": variables_of(found, "output"),
            "description": found.facts.get("description"),
        }
    )


def _release(call: Call, name: str, one: Deployment, tags: Sequence[AppVersion]) -> dict[str, Any]:
    """One id for release, history item and version."""
    return {
        "id": one.id,
        "created": stamp(one.created_at),
        "environment": environment_of(call.key.project),
        "created_by": None,
        "workflow_version": {
            "id": one.id,
            "input_variables": variables_of(one, "input"),
            "output_variables": variables_of(one, "output"),
            "dependencies": [],
        },
        "deployment": {"id": workflow_deployment_id(call.key.project, name), "name": name},
        "description": one.facts.get("release_description"),
        "release_tags": [
            {"name": tag.label, "source": source_of(tag.label, one.id)} for tag in tags if tag.deployment_id == one.id
        ],
        "reviews": [],
    }


ROUTES = [
    Route(
        method="GET",
        path="/v1/workflow-deployments/{deployment}/releases",
        name="vellum_list_releases",
        scope="read",
        handler=list_releases,
        summary="Releases of a workflow deployment",
    ),
    Route(
        method="GET",
        path="/v1/workflow-deployments/{deployment}/releases/{release}",
        name="vellum_show_release",
        scope="read",
        handler=show_release,
        summary="A release, by its id or a tag",
    ),
    Route(
        method="GET",
        path="/v1/workflow-deployments/{deployment}/history/{item}",
        name="vellum_show_history_item",
        scope="read",
        handler=show_history_item,
        summary="A history item, by its id or a release tag",
    ),
]
