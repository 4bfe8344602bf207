"""`execute-workflow-stream`: a line for each thing that happens to a run, in the older of Vellum's two shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stook.server.call import as_json
from stook.server.dialects.vellum.asking import read_body
from stook.server.dialects.vellum.executing import result_of
from stook.server.dialects.vellum.following import ALIVE, HEADERS, NDJSON, Begun, followed
from stook.server.dialects.vellum.lines import node_data, output_data
from stook.server.dialects.vellum.running import STREAMED, Shown
from stook.server.dialects.vellum.submitting import Submission, submit
from stook.server.dialects.vellum.usage import usage_of
from stook.server.dialects.vellum.variables import ids_of, types_of, undeclared_id
from stook.server.flow import Flow
from stook.server.route import Route
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.responses import Response

    from stook.core.hosted_event import HostedEvent
    from stook.server.call import Call
    from stook.server.dialects.vellum.submitting import Submitted

__all__ = ["ROUTES"]


async def execute_stream(call: Call) -> Response:
    """What is wrong with the request is answered before the first line. The run goes on when the one who asked has
    gone."""
    asked = await read_body(call, Submission)
    submitted = await submit(call, asked)
    lines = _Lines(submitted, frozenset(asked.event_types or ["WORKFLOW"]))
    pieces = lines.pieces(call, usage=bool(asked.expand_meta and asked.expand_meta.usage))
    return Flow(pieces, media_type=NDJSON, patience=call.services.limits.drain_seconds, headers=HEADERS)


class _Lines:
    def __init__(self, submitted: Submitted, kinds: frozenset[str]) -> None:
        self._submitted = submitted
        self._kinds = kinds
        self._types = types_of(submitted.release, "output")
        self._ids = ids_of(submitted.release, "output")

    async def pieces(self, call: Call, *, usage: bool) -> AsyncGenerator[bytes]:
        async with followed(call, self._submitted.execution_id) as news:
            async for one in news:
                line: bytes | None = ALIVE
                match one:
                    case None:
                        pass
                    case Begun(at):
                        line = self._line("WORKFLOW", self._state("INITIATED", at))
                    case Shown():
                        result = result_of(one)
                        if usage:
                            result["meta"] = {"usage": usage_of(one.execution)}
                        line = self._line("WORKFLOW", result)
                    case _:
                        line = self._told(one)
                if line is not None:
                    yield line

    def _told(self, one: HostedEvent) -> bytes | None:
        event = msgspec.json.decode(one.body)
        if one.name == STREAMED:
            data = self._state("STREAMING", one.at)
            data["output"] = output_data(event["body"]["output"], self._types, self._id_of)
            return self._line("WORKFLOW", data)
        node = node_data(event)
        return None if node is None else self._line("NODE", node)

    def _id_of(self, name: str) -> str:
        return self._ids.get(name) or undeclared_id(self._submitted.release, "output", name)

    def _state(self, state: str, at: int) -> dict[str, Any]:
        return {"id": self._submitted.execution_id, "state": state, "ts": stamp(at)}

    def _line(self, kind: str, data: dict[str, Any]) -> bytes | None:
        if kind not in self._kinds:
            return None
        whole = {
            "type": kind,
            "execution_id": self._submitted.execution_id,
            "run_id": self._submitted.execution_id,
            "external_id": self._submitted.external_id,
            "data": data,
        }
        return as_json(whole) + b"\n"


ROUTES = [
    Route(
        method="POST",
        path="/v1/execute-workflow-stream",
        name="vellum_execute_stream",
        scope="submit",
        handler=execute_stream,
        summary="Run a workflow and follow it",
        answers=((200, NDJSON),),
        large=True,
    ),
]
