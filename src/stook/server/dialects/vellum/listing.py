"""Executions of a workflow deployment: filtered, in order, a page of them and how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stook.core.states import TERMINAL, State
from stook.core.vellum_events import INITIATED
from stook.server.call import answer
from stook.server.dialects.vellum.actuals import latest_of
from stook.server.dialects.vellum.asking import asked, uuid_text
from stook.server.dialects.vellum.detail import execution_of
from stook.server.dialects.vellum.filters import Facts, read_filters
from stook.server.dialects.vellum.narrowing import Narrowed, all_of
from stook.server.dialects.vellum.ordering import in_order, read_ordering
from stook.server.dialects.vellum.paging import read_paging
from stook.server.dialects.vellum.releases import find_name
from stook.server.dialects.vellum.running import STREAMED, show_all, told_of
from stook.server.dialects.vellum.states import Wire, wire_state
from stook.server.route import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.responses import Response

    from stook.engine.hosted_executions import HostedExecution, HostedOutline
    from stook.server.call import Call
    from stook.server.dialects.vellum.filters import Filter
    from stook.server.dialects.vellum.paging import Paging

__all__ = ["ROUTES"]

_KEYS: Final = {"timestamp": lambda facts: facts.timestamp, "state": lambda facts: facts.state}
_BEGUN: Final = frozenset({State.running, State.suspended, State.cancelling})
_COUNTED: Final = 1000
"""Behind a page, as far as `count` looks: it has the price of a page, not of all that ever ran."""


async def list_executions(call: Call) -> Response:
    """`count` is all of them, or a thousand more than are on this page and before it."""
    query = asked(call)
    paging = read_paging(query)
    filters = read_filters(query.get("filters"))
    ordering = read_ordering(query.get("ordering"), _KEYS, "-timestamp")
    name = await find_name(call, call.path("deployment"))
    narrowed = Narrowed() if filters is None else filters.narrowed
    if filters is not None and (filters.ids is not None or filters.external_ids is not None):
        found, count = await _named(call, name, filters, ordering, paging)
    elif narrowed.exact and narrowed.told and ordering[0][0] == "timestamp":
        found, count = await _page(call, name, narrowed, paging, newest=ordering[0][1])
    else:
        found, count = await _searched(call, name, filters, ordering, paging)
    return answer({"count": count, "results": await _shown(call, found)})


async def _page(
    call: Call, name: str, narrowed: Narrowed, paging: Paging, *, newest: bool
) -> tuple[Sequence[HostedExecution], int]:
    """The store knows what is wanted."""
    hosted, project, by = call.services.hosted, call.key.project, narrowed.asked()
    page = await hosted.list(
        project,
        dialect="vellum",
        app=name,
        limit=paging.limit,
        offset=paging.offset,
        order="newest" if newest else "oldest",
        **by,
    )
    if not page.more and (page.items or not paging.offset):
        return page.items, paging.offset + len(page.items)
    most = paging.offset + paging.limit + _COUNTED
    return page.items, await hosted.count(project, dialect="vellum", app=name, most=most, **by)


async def _named(
    call: Call, name: str, filters: Filter, ordering: Sequence[tuple[str, bool]], paging: Paging
) -> tuple[Sequence[HostedExecution], int]:
    """Those that the filters name, looked up one by one."""
    hosted, project = call.services.hosted, call.key.project
    if filters.ids is not None:
        ids = [found for found in map(uuid_text, sorted(filters.ids)) if found is not None]
        looked = [await hosted.get(project, one) for one in ids]
    else:
        looked = [await hosted.by_external_id(project, one) for one in sorted(filters.external_ids or ())]
    there = {one.id: one for one in looked if one is not None and one.dialect == "vellum" and one.app == name}
    passed = [
        one
        for one in (
            Facts(shown.execution.created_at, shown.wire, shown.execution.id, shown.execution.external_id)
            for shown in await show_all(call, list(there.values()))
        )
        if filters.passes(one)
    ]
    return [there[one.execution_id] for one in paging.cut(in_order(passed, ordering, _KEYS))], len(passed)


async def _searched(
    call: Call, name: str, filters: Filter | None, ordering: Sequence[tuple[str, bool]], paging: Paging
) -> tuple[Sequence[HostedExecution], int]:
    """One after the other, without their payloads and results, until there are enough."""
    most = paging.offset + paging.limit + _COUNTED
    found: list[Facts] = []
    async for facts in _in_order(call, name, Narrowed() if filters is None else filters.narrowed, ordering):
        found += facts if filters is None else filter(filters.passes, facts)
        if len(found) >= most:
            break
    del found[most:]
    whole = [await call.services.hosted.get(call.key.project, one.execution_id) for one in paging.cut(found)]
    return [one for one in whole if one is not None], len(found)


async def _in_order(
    call: Call, name: str, narrowed: Narrowed, ordering: Sequence[tuple[str, bool]]
) -> AsyncIterator[list[Facts]]:
    """State by state, where these come first; those of one state by time."""
    newest = next((down for field, down in ordering if field == "timestamp"), True)
    if ordering[0][0] == "timestamp":
        async for some in _facts(call, name, narrowed, newest=newest):
            yield some
        return
    for state in sorted(narrowed.states, reverse=ordering[0][1]):
        alone = all_of([narrowed, Narrowed(states=frozenset({state}))])
        async for some in _facts(call, name, alone, newest=newest):
            yield [one for one in some if one.state is state]


async def _facts(call: Call, name: str, narrowed: Narrowed, *, newest: bool) -> AsyncIterator[list[Facts]]:
    told = told_of(call)
    order: Any = "newest" if newest else "oldest"
    every = call.services.hosted.every(call.key.project, dialect="vellum", app=name, order=order, **narrowed.asked())
    async for some in every:
        live = [one.id for one in some if one.state not in TERMINAL]
        begun = {one.id for one in some if one.state in _BEGUN}
        begun |= set(await told.last(live, INITIATED)) if live else set()
        telling = set(await told.last(list(begun), STREAMED)) if begun else set()
        yield [_fact(one, begun, telling) for one in some]


def _fact(one: HostedOutline, begun: set[str], telling: set[str]) -> Facts:
    state: Wire = wire_state(one.state, begun=one.id in begun, streamed=one.id in telling)
    return Facts(timestamp=one.created_at, state=state, execution_id=one.id, external_id=one.external_id)


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
