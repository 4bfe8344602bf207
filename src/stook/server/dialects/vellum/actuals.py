"""What an output should have been, as people say afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from stook.core.ids import batch_of, index_of, parse_id
from stook.server.call import answer
from stook.server.dialects.vellum.asking import find_execution, read_body
from stook.server.dialects.vellum.refused import bad, not_there
from stook.server.dialects.vellum.submitting import Text
from stook.server.dialects.vellum.values import fits, typed
from stook.server.dialects.vellum.variables import undeclared_id, variables_of
from stook.server.route import Route
from stook.store.script.hosted_actuals import keep_actuals, latest_actuals
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from stook.core.deployment import Deployment
    from stook.engine.hosted_executions import HostedExecution
    from stook.server.call import Call
    from stook.server.dialects.vellum.running import Shown

__all__ = ["ROUTES", "Actual", "latest_of", "shown_actual"]

_LATEST = 253_402_300_799.0
"""The end of the year 9999."""


class Actual(msgspec.Struct, omit_defaults=True):
    """`timestamp`: seconds; else when it came counts."""

    output_type: Literal["STRING", "JSON", "CHAT_HISTORY"]
    output_id: Text | None = None
    output_key: Text | None = None
    desired_output_value: Any = None
    quality: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    metadata: dict[str, Any] | None = None
    timestamp: Annotated[float, msgspec.Meta(ge=0, le=_LATEST)] | None = None


class Actuals(msgspec.Struct):
    actuals: list[Actual]
    execution_id: Text | None = None
    external_id: Text | None = None


async def submit_actuals(call: Call) -> Response:
    """All of them, or none."""
    given = await read_body(call, Actuals)
    execution = await _found(call, given)
    for at, one in enumerate(given.actuals):
        if one.output_id is None and one.output_key is None:
            raise bad(f"actuals[{at}]: give output_id or output_key")
        if not fits(one.output_type, one.desired_output_value):
            raise bad(f"actuals[{at}]: desired_output_value is not of type {one.output_type}")
    raw = parse_id(execution.id)
    bodies = [msgspec.json.encode(one) for one in given.actuals]
    if bodies:
        await call.services.store.write(keep_actuals, batch_of(raw), index_of(raw), bodies)
    return answer({})


async def latest_of(call: Call, executions: Sequence[Shown]) -> dict[str, dict[str, Any]]:
    """As they are shown, by the execution's id."""
    by_place = {}
    for one in executions:
        raw = parse_id(one.execution.id)
        by_place[batch_of(raw), index_of(raw)] = one
    found = await call.services.store.read(latest_actuals, list(by_place))
    shown = {}
    for place, kept in found.items():
        one = by_place[place]
        shown[one.execution.id] = shown_actual(msgspec.json.decode(kept.body, type=Actual), kept.at, one.release)
    return shown


def shown_actual(actual: Actual, came_at: int, release: Deployment) -> dict[str, Any]:
    variables = variables_of(release, "output")
    match = next((one for one in variables if actual.output_id == one["id"]), None) or next(
        (one for one in variables if actual.output_key == one["key"]), None
    )
    key = match["key"] if match else actual.output_key or ""
    id_ = match["id"] if match else actual.output_id or undeclared_id(release, "output", key)
    at = came_at if actual.timestamp is None else round(actual.timestamp * 1_000_000)
    return {
        "output": {"id": id_, "name": key, **typed(actual.desired_output_value, actual.output_type)},
        "timestamp": stamp(at),
        "quality": actual.quality,
        "metadata": actual.metadata,
    }


async def _found(call: Call, given: Actuals) -> HostedExecution:
    if given.execution_id is not None:
        return await find_execution(call, given.execution_id)
    if given.external_id is None:
        raise bad("give execution_id or external_id")
    found = await call.services.hosted.by_external_id(call.key.project, given.external_id)
    if found is None or found.dialect != "vellum":
        raise not_there(f"there is no execution with external_id {given.external_id[:100]!r}")
    return found


ROUTES = [
    Route(
        method="POST",
        path="/v1/submit-workflow-execution-actuals",
        name="vellum_submit_actuals",
        scope="submit",
        handler=submit_actuals,
        summary="Say what outputs should have been",
    ),
]
