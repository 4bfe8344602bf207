"""Workflow deployments: names, each with the release that LATEST points at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stook.server.call import answer
from stook.server.dialects.vellum.addresses import own_url
from stook.server.dialects.vellum.asking import asked
from stook.server.dialects.vellum.ordering import in_order, read_ordering
from stook.server.dialects.vellum.paging import page, read_paging
from stook.server.dialects.vellum.refused import bad
from stook.server.dialects.vellum.releases import Workflow, find_name, find_workflow, names_of
from stook.server.dialects.vellum.variables import variables_of
from stook.server.route import Route
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.server.call import Call

__all__ = ["ROUTES"]

_KEYS: Final = {"created": lambda one: one.created_at, "name": lambda one: one.name}
_ACTIVE: Final = "ACTIVE"
_STATUS: Final = (_ACTIVE, "ARCHIVED")


async def list_deployments(call: Call) -> Response:
    """None is ever archived here."""
    query = asked(call)
    paging = read_paging(query)
    ordering = read_ordering(query.get("ordering"), _KEYS, "-created")
    status = query.get("status") or _ACTIVE
    if status not in _STATUS:
        raise bad(f"status={status[:50]!r} is neither ACTIVE nor ARCHIVED")
    names = await names_of(call) if status == _ACTIVE else []
    found = in_order([await find_workflow(call, name) for name in names], ordering, _KEYS)
    return answer(page([_workflow(one) for one in paging.cut(found)], len(found), paging, own_url(call)))


async def show_deployment(call: Call) -> Response:
    found = await find_workflow(call, await find_name(call, call.path("deployment")))
    return answer({**_workflow(found), "last_deployed_history_item_id": found.latest.id, "display_data": None})


def _workflow(one: Workflow) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "label": one.label,
        "status": _ACTIVE,
        "environment": "PRODUCTION",
        "created": stamp(one.created_at),
        "last_deployed_on": stamp(one.deployed_at),
        "input_variables": variables_of(one.latest, "input"),
        "output_variables": variables_of(one.latest, "output"),
        "description": one.latest.facts.get("description"),
    }


ROUTES = [
    Route(
        method="GET",
        path="/v1/workflow-deployments",
        name="vellum_list_deployments",
        scope="read",
        handler=list_deployments,
        summary="Workflow deployments",
    ),
    Route(
        method="GET",
        path="/v1/workflow-deployments/{deployment}",
        name="vellum_show_deployment",
        scope="read",
        handler=show_deployment,
        summary="A workflow deployment",
    ),
]
