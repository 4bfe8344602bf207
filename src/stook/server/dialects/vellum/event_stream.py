"""`execute-stream` of a deployment: the workflow's own events, as they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.vellum_events import FULFILLED, REJECTED, fulfilled_event, given_inputs, initiated_event, rejected_event
from stook.server.call import as_json
from stook.server.dialects.vellum.asking import read_body
from stook.server.dialects.vellum.ending import raw_outputs
from stook.server.dialects.vellum.following import ALIVE, HEADERS, NDJSON, Begun, followed
from stook.server.dialects.vellum.inputs import inputs_of_map, to_payload
from stook.server.dialects.vellum.refused import bad
from stook.server.dialects.vellum.releases import find_name
from stook.server.dialects.vellum.running import Shown, facts_of, find_shown, told_of
from stook.server.dialects.vellum.states import Wire
from stook.server.dialects.vellum.submitting import Text, refuse_previous, resolve_named, submit_resolved
from stook.server.dialects.vellum.variables import types_of
from stook.server.flow import Flow
from stook.server.route import Route

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.responses import Response

    from stook.server.call import Call

__all__ = ["ROUTES", "end_event"]


class EventSubmission(msgspec.Struct):
    """Inputs are a plain map here."""

    inputs: dict[str, msgspec.Raw] | None = None
    release_tag: Text | None = None
    external_id: Text | None = None
    metadata: dict[str, Any] | None = None
    previous_execution_id: Any = None
    trigger: Any = None


async def execute_stream(call: Call) -> Response:
    asked = await read_body(call, EventSubmission)
    refuse_previous(asked.previous_execution_id)
    if asked.trigger is not None:
        raise bad("trigger is not supported: workflows are started by their inputs")
    name = await find_name(call, call.path("deployment"))
    resolved = await resolve_named(call, name, asked.release_tag)
    release = await call.services.deployments.get(call.key.project, resolved.deployment_id)
    types = {} if release is None else types_of(release, "input")
    payload = to_payload(inputs_of_map(asked.inputs or {}, types))
    submitted = await submit_resolved(call, resolved, payload, asked.external_id, asked.metadata)
    return Flow(
        _lines(call, submitted.execution_id),
        media_type=NDJSON,
        patience=call.services.limits.drain_seconds,
        headers=HEADERS,
    )


async def _lines(call: Call, execution_id: str) -> AsyncGenerator[bytes]:
    async with followed(call, execution_id) as news:
        async for one in news:
            match one:
                case None:
                    yield ALIVE
                case Begun(at):
                    yield await _beginning(call, execution_id, at)
                case Shown():
                    yield as_json(await end_event(call, one)) + b"\n"
                case _:
                    yield one.body.replace(b"\n", b" ") + b"\n"


async def _beginning(call: Call, execution_id: str, at: int) -> bytes:
    """Ours has the ids of the runtime's, and need not wait for it."""
    shown = await find_shown(call, execution_id)
    inputs = given_inputs(shown.execution.payload)
    return as_json(initiated_event(facts_of(call, shown), at, inputs)) + b"\n"


async def end_event(call: Call, shown: Shown) -> dict[str, Any]:
    """The one that the workflow told, if it ended so; else one that says how it ended."""
    execution = shown.execution
    at = execution.finished_at or execution.created_at
    name = FULFILLED if shown.wire is Wire.FULFILLED else REJECTED
    told = (await told_of(call).last([execution.id], name)).get(execution.id)
    if told is not None:
        event: dict[str, Any] = msgspec.json.decode(told.body)
        code = (event.get("body", {}).get("error") or {}).get("code")
        if shown.rejection is None or code == shown.rejection.code:
            return event
    if shown.rejection is None:
        return fulfilled_event(facts_of(call, shown), at, raw_outputs(execution, shown.release))
    ended = shown.rejection
    return rejected_event(facts_of(call, shown), at, ended.code, ended.message, ended.raw_data)


ROUTES = [
    Route(
        method="POST",
        path="/v1/workflow-deployments/{deployment}/execute-stream",
        name="vellum_deployment_execute_stream",
        scope="submit",
        handler=execute_stream,
        summary="Run a workflow and follow its events",
        answers=((200, NDJSON),),
        large=True,
    ),
]
