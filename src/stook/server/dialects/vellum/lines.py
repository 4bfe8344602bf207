"""What a workflow tells, as lines of the older of Vellum's two streams."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from stook.core.vellum_codes import api_code
from stook.server.dialects.vellum.values import NODE, STREAM, infer, stable_id, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["node_data", "output_data"]

_NODES: Final = {
    "node.execution.initiated": "INITIATED",
    "node.execution.streaming": "STREAMING",
    "node.execution.fulfilled": "FULFILLED",
    "node.execution.rejected": "REJECTED",
}


def output_data(output: Mapping[str, Any], types: Mapping[str, str], id_of: Callable[[str], str]) -> dict[str, Any]:
    """Of one output of a workflow. With `delta` it is coming, with `value` it is there, without both it has begun."""
    name = str(output.get("name"))
    delta = output.get("delta")
    value = output.get("value")
    state = "STREAMING" if delta is not None else "FULFILLED" if "value" in output else "INITIATED"
    made = {"id": id_of(name), "name": name, "state": state, **typed(value, types.get(name) or infer(delta), STREAM)}
    if delta is not None:
        made["delta"] = delta if isinstance(delta, str) else json.dumps(delta)
    return made


def node_data(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """None of events of nodes that this stream has no words for."""
    state = _NODES.get(str(event.get("name")))
    if state is None:
        return None
    body: Mapping[str, Any] = event["body"]
    node_id = str(body["node_definition"]["id"])
    made = {
        "id": event["span_id"],
        "node_id": node_id,
        "node_result_id": event["span_id"],
        "state": state,
        "ts": event.get("timestamp"),
    }
    match state:
        case "INITIATED":
            made["input_values"] = [
                {"node_input_id": stable_id(f"{node_id}|{key}"), "key": key, **typed(value, None, NODE)}
                for key, value in _named(body.get("inputs")).items()
            ]
        case "STREAMING":
            output = body.get("output") or {}
            shown = output.get("value") if output.get("delta") is None else output["delta"]
            made["output"] = _output(node_id, str(output.get("name")), shown, "STREAMING")
        case "FULFILLED":
            made["output_values"] = [
                _output(node_id, name, value, state) for name, value in _named(body.get("outputs")).items()
            ]
            if body.get("mocked") is not None:
                made["mocked"] = body["mocked"]
        case _:
            error = body.get("error") or {}
            shown = {"message": str(error.get("message")), "code": api_code(str(error.get("code")))}
            made["error"] = shown if error.get("raw_data") is None else {**shown, "raw_data": error["raw_data"]}
    return made


def _output(node_id: str, name: str, value: Any, state: str) -> dict[str, Any]:
    return {**typed(value, None, NODE), "node_output_id": stable_id(f"{node_id}|{name}"), "state": state}


def _named(given: Any) -> dict[str, Any]:
    return given if isinstance(given, dict) else {}
