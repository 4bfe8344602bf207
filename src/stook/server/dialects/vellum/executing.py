"""Running a workflow: without waiting, or until it has ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from stook.core.states import TERMINAL
from stook.server.body import SenderGone
from stook.server.call import answer
from stook.server.dialects.vellum.asking import read_body
from stook.server.dialects.vellum.ending import raw_outputs, typed_outputs
from stook.server.dialects.vellum.refused import VellumRefusal
from stook.server.dialects.vellum.running import Shown, show
from stook.server.dialects.vellum.states import Wire
from stook.server.dialects.vellum.submitting import Submission, submit
from stook.server.dialects.vellum.usage import usage_of
from stook.server.dialects.vellum.values import OUTPUT
from stook.server.route import Route
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.engine.hosted_executions import HostedExecution
    from stook.server.call import Call

__all__ = ["ROUTES", "result_of"]

_LOOK: Final = 20.0
"""Seconds after which who waits looks whether somebody is still there."""


async def execute_async(call: Call) -> Response:
    submitted = await submit(call, await read_body(call, Submission))
    return answer({"execution_id": submitted.execution_id})


async def execute(call: Call) -> Response:
    """200 for a workflow that was rejected too. It goes on when the one who asked has gone."""
    asked = await read_body(call, Submission)
    submitted = await submit(call, asked)
    shown = await show(call, await _ended(call, submitted.execution_id))
    result = result_of(shown)
    if asked.expand_meta is not None and asked.expand_meta.usage:
        result["meta"] = {"usage": usage_of(shown.execution)}
    return answer(
        {
            "execution_id": submitted.execution_id,
            "run_id": submitted.execution_id,
            "external_id": submitted.external_id,
            "data": result,
        }
    )


def result_of(shown: Shown, known: frozenset[str] = OUTPUT) -> dict[str, Any]:
    """Of one that has ended. `outputs` is a list here, with types."""
    at = stamp(shown.execution.finished_at or shown.execution.created_at)
    whole: dict[str, Any] = {"id": shown.execution.id, "state": shown.wire, "ts": at}
    if shown.wire is Wire.FULFILLED:
        whole["outputs"] = typed_outputs(raw_outputs(shown.execution, shown.release), shown.release, known)
    elif shown.rejection is not None:
        whole["error"] = shown.rejection.shown()
    return whole


async def _ended(call: Call, execution_id: str) -> HostedExecution:
    stopping = asyncio.ensure_future(call.services.channels.stopping.wait())
    gone = asyncio.ensure_future(call.stream.left())
    try:
        while True:
            waiting = asyncio.ensure_future(call.services.hosted.wait_for_end(call.key.project, execution_id, _LOOK))
            try:
                await asyncio.wait({waiting, stopping, gone}, return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    found = waiting.result()
                    if found is not None and found.state in TERMINAL:
                        return found
            finally:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
            if gone.done():
                raise SenderGone("the connection was closed; the execution goes on")
            if stopping.done():
                raise VellumRefusal(
                    503, f"the server is stopping; execution {execution_id} goes on: ask for its status"
                )
    finally:
        stopping.cancel()
        gone.cancel()
        await asyncio.gather(stopping, gone, return_exceptions=True)


ROUTES = [
    Route(
        method="POST",
        path="/v1/execute-workflow-async",
        name="vellum_execute_async",
        scope="submit",
        handler=execute_async,
        summary="Start a workflow",
        large=True,
    ),
    Route(
        method="POST",
        path="/v1/execute-workflow",
        name="vellum_execute",
        scope="submit",
        handler=execute,
        summary="Run a workflow and wait for it",
        large=True,
    ),
]
