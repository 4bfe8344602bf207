"""Executions of a workflow deployment: filtered, in order, a page of them and the count of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.states import TERMINAL
from stook.core.vellum_events import INITIATED
from stook.server.call import answer
from stook.server.dialects.vellum.actuals import latest_of
from stook.server.dialects.vellum.asking import asked
from stook.server.dialects.vellum.detail import execution_of
from stook.server.dialects.vellum.filters import Facts, read_filters
from stook.server.dialects.vellum.ordering import in_order, read_ordering
from stook.server.dialects.vellum.paging import read_paging
from stook.server.dialects.vellum.releases import find_name
from stook.server.dialects.vellum.running import STREAMED, show_all, told_of
from stook.server.dialects.vellum.states import wire_state
from stook.server.route import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from typing import Any

    from starlette.responses import Response

    from stook.engine.hosted_executions import HostedExecution
    from stook.server.call import Call
    from stook.server.dialects.vellum.filters import Filter
    from stook.server.dialects.vellum.paging import Paging

__all__ = ["ROUTES"]

_KEYS: Final = {"timestamp": lambda facts: facts.timestamp, "state": lambda facts: facts.state}


async def list_executions(call: Call) -> Response:
    query = asked(call)
    paging = read_paging(query)
    passes = read_filters(query.get("filters"))
    ordering = read_ordering(query.get("ordering"), _KEYS, "-timestamp")
    name = await find_name(call, call.path("deployment"))
    if passes is None and [field for field, _ in ordering] == ["timestamp"]:
        found, count = await _page(call, name, paging, newest=ordering[0][1])
    else:
        found, count = await _searched(call, name, passes, ordering, paging)
    return answer({"count": count, "results": await _shown(call, found)})


async def _page(call: Call, name: str, paging: Paging, *, newest: bool) -> tuple[Sequence[HostedExecution], int]:
    hosted, project = call.services.hosted, call.key.project
    page = await hosted.list(
        project,
        dialect="vellum",
        app=name,
        limit=paging.limit,
        offset=paging.offset,
        order="newest" if newest else "oldest",
    )
    return page.items, await hosted.count(project, dialect="vellum", app=name)


async def _searched(
    call: Call, name: str, passes: Filter | None, ordering: Sequence[tuple[str, bool]], paging: Paging
) -> tuple[Sequence[HostedExecution], int]:
    """Every execution of the deployment is looked at, without its payload and result."""
    found: list[Facts] = []
    async for facts in _facts(call, name):
        found += facts if passes is None else filter(passes, facts)
    ids = [one.execution_id for one in paging.cut(in_order(found, ordering, _KEYS))]
    whole = [await call.services.hosted.get(call.key.project, one) for one in ids]
    return [one for one in whole if one is not None], len(found)


async def _facts(call: Call, name: str) -> AsyncIterator[list[Facts]]:
    told = told_of(call)
    async for some in call.services.hosted.every(call.key.project, dialect="vellum", app=name):
        live = [one.id for one in some if one.state not in TERMINAL]
        begun = set(await told.last(live, INITIATED)) if live else set()
        telling = set(await told.last(list(begun), STREAMED)) if begun else set()
        yield [
            Facts(
                timestamp=one.created_at,
                state=wire_state(one.state, begun=one.id in begun, streamed=one.id in telling),
                execution_id=one.id,
                external_id=one.external_id,
            )
            for one in some
        ]


async def _shown(call: Call, executions: Sequence[HostedExecution]) -> list[dict[str, Any]]:
    rows = await show_all(call, executions)
    actuals = await latest_of(call, rows)
    return [
        {**execution_of(call, one), "latest_actual": actuals.get(one.execution.id), "metric_results": []}
        for one in rows
    ]


ROUTES = [
    Route(
        method="GET",
        path="/v1/workflow-deployments/{deployment}/execution-events",
        name="vellum_event_executions",
        scope="read",
        handler=list_executions,
        summary="Executions of a workflow deployment",
    ),
]
