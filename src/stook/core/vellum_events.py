"""Events of hosted workflows, in the shape of Vellum's runtime; and what a webhook says of them."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stook.core.vellum_ids import (
    event_uuid,
    parent_span_id,
    release_tag_id,
    request_span_id,
    trace_id,
    workflow_deployment_id,
)
from stook.core.webhook_events import MOST_BYTES, WORKFLOW_EVENTS, WORKFLOW_USAGE, timestamp

__all__ = [
    "FULFILLED",
    "INITIATED",
    "REJECTED",
    "SEQUENCE",
    "USAGE",
    "RunFacts",
    "fulfilled_event",
    "given_inputs",
    "given_outputs",
    "initiated_event",
    "parent_context",
    "rejected_event",
    "run_facts",
    "told_event",
    "usage_event",
    "webhook_body",
]

INITIATED, FULFILLED, REJECTED = WORKFLOW_EVENTS
USAGE: Final = WORKFLOW_USAGE
SEQUENCE: Final = {INITIATED: 1, FULFILLED: 2, REJECTED: 2, USAGE: 3}
_TELLS: Final = {INITIATED: "inputs", FULFILLED: "outputs", REJECTED: "error"}
"""What the body of an event is about."""
API_VERSION: Final = "2024-10-25"
_BASES: Final = [{"name": "BaseWorkflow", "module": ["vellum", "workflows", "workflows", "base"]}]


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an execution without its runtime. `definition`: id, name and module of the workflow's class."""

    execution_id: str
    project: str
    name: str
    """Of the workflow deployment."""
    release_id: str
    release_tag: str
    definition: Mapping[str, Any]
    external_id: str | None = None
    metadata: Mapping[str, Any] | None = None
    actor_id: str | None = None
    actor_label: str | None = None
    base_url: str | None = None
    """Of this server, as people reach it."""

    @property
    def detail_url(self) -> str | None:
        """Of the page about the execution."""
        return None if self.base_url is None else f"{self.base_url}/workflows/executions/{self.execution_id}"


def run_facts(
    execution_id: str,
    project: str,
    name: str,
    release_id: str,
    release_tag: str,
    facts: Mapping[str, Any],
    *,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    actor: str | None = None,
) -> RunFacts:
    """`facts`: of the deployment; `actor`: who asked, JSON with `id` and `label`."""
    found = _read(actor)
    asker = found if isinstance(found, dict) else {}
    module = str(facts.get("module") or name)
    unknown = {"id": release_id, "name": module, "module": [*module.split("."), "workflow"]}
    return RunFacts(
        execution_id=execution_id,
        project=project,
        name=name,
        release_id=release_id,
        release_tag=release_tag,
        definition=facts.get("definition") or unknown,
        external_id=external_id,
        metadata=metadata,
        actor_id=asker.get("id"),
        actor_label=asker.get("label"),
        base_url=facts.get("base_url"),
    )


def _read(text: bytes | str | None) -> Any:
    """None for what nobody can read: it may come from users' code."""
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None


def parent_context(run: RunFacts) -> dict[str, Any]:
    """Who ran it: the deployment and its release, for whoever asked."""
    return {
        "type": "WORKFLOW_RELEASE_TAG",
        "span_id": parent_span_id(run.execution_id),
        "deployment_id": workflow_deployment_id(run.project, run.name),
        "deployment_name": run.name,
        "deployment_history_item_id": run.release_id,
        "release_tag_id": release_tag_id(run.project, run.name, run.release_tag),
        "release_tag_name": run.release_tag,
        "workflow_version_id": run.release_id,
        "external_id": run.external_id,
        "metadata": None if run.metadata is None else dict(run.metadata),
        "parent": {
            "type": "API_REQUEST",
            "span_id": request_span_id(run.execution_id),
            "parent": None,
            "api_actor_id": run.actor_id,
            "api_actor_type": "ENVIRONMENT_API_KEY",
            "api_actor_label": run.actor_label,
        },
    }


def given_inputs(payload: bytes | None) -> dict[str, Any]:
    """By name, as they were submitted."""
    found = _read(payload)
    inputs = found.get("inputs") if isinstance(found, dict) else None
    given = [one for one in inputs if isinstance(one, dict)] if isinstance(inputs, list) else []
    return {str(one.get("name")): one.get("value") for one in given}


def given_outputs(result: bytes | None) -> dict[str, Any] | None:
    """By name, of a result as it is stored; None: it is not at hand."""
    found = _read(result)
    outputs = found.get("outputs") if isinstance(found, dict) else None
    return outputs if isinstance(outputs, dict) else None


def initiated_event(run: RunFacts, at: int, inputs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of a run whose runtime said nothing. `inputs` None: they are too large to be told."""
    rest = dict.fromkeys(("initial_state", "trigger", "display_context", "server_metadata"))
    told: dict[str, Any] = {"inputs": {}, "redacted": True} if inputs is None else {"inputs": dict(inputs)}
    return _event(run, INITIATED, at, told | rest)


def rejected_event(run: RunFacts, at: int, code: str, message: str, raw_data: Any = None) -> dict[str, Any]:
    """`code` of the set of events."""
    error = {"code": code, "message": message, "raw_data": raw_data}
    return _event(run, REJECTED, at, {"error": error, "stacktrace": None})


def fulfilled_event(run: RunFacts, at: int, outputs: Mapping[str, Any] | None) -> dict[str, Any]:
    """`outputs` None: they are too large to be told."""
    told: dict[str, Any] = {"outputs": {}, "redacted": True} if outputs is None else {"outputs": dict(outputs)}
    return _event(run, FULFILLED, at, told | {"final_state": None, "server_metadata": None})


def usage_event(run: RunFacts, at: int, nanos: int) -> dict[str, Any]:
    """`nanos`: how long its code ran."""
    usage = {"ml_model_name": "code", "ml_model_usage": {"compute_nanos": nanos}}
    return _event(run, USAGE, at, {"usage": [usage], "cost": []})


def told_event(own: Mapping[str, Any], kept: bytes | None) -> Mapping[str, Any]:
    """What the runtime said of it, under `own` names and ids: it comes from where users' code runs. `own` alone, where
    that is nothing, or no event."""
    match _read(kept):
        case {"timestamp": str(at), "body": dict(body)} if isinstance(body.get(_TELLS[own["name"]]), dict):
            definition = own["body"]["workflow_definition"]
            return {**own, "timestamp": at, "body": {**body, "workflow_definition": definition}}
        case _:
            return own


def webhook_body(event: Mapping[str, Any], run: RunFacts, event_id: str) -> bytes:
    """The event under the id of what is sent, with the names of Vellum's other shapes beside its own. Above
    `MOST_BYTES` without the state, then without inputs or outputs."""
    body = dict(event["body"])
    few = {name: _emptied(name, value) for name, value in body.items() if name in _SMALL} | {"redacted": True}
    stateless = {name: value for name, value in body.items() if name != "final_state"}
    for told in (body, stateless):
        with contextlib.suppress(RecursionError):  # users' code made it
            whole = _aliased(event, run, event_id, told)
            if len(whole) <= MOST_BYTES:
                return whole
    return _aliased(event, run, event_id, few)


_SMALL: Final = frozenset({"workflow_definition", "inputs", "outputs", "error", "usage", "cost"})


def _emptied(name: str, value: Any) -> Any:
    match name, value:
        case ("inputs" | "outputs", _):
            return {}
        case ("error", {"code": code, "message": str(message)}):
            return {"code": code, "message": message[: MOST_BYTES // 16], "raw_data": None}
        case _:
            return value


def _aliased(event: Mapping[str, Any], run: RunFacts, event_id: str, told: Mapping[str, Any]) -> bytes:
    definition = run.definition
    body = {
        **told,
        "workflow_class": {"name": definition["name"], "module": definition["module"], "bases": _BASES},
    }
    if event["name"] != INITIATED:
        body["execution_detail_url"] = run.detail_url
    whole = {
        **event,
        "id": event_id,
        "type": event["name"],
        "sequence": SEQUENCE[event["name"]],
        "body": body,
        "data": {"parent": event["parent"], **body},
    }
    return json.dumps(whole, separators=(",", ":")).encode()


def _event(run: RunFacts, name: str, at: int, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": event_uuid(run.execution_id, name),
        "name": name,
        "timestamp": timestamp(at),
        "api_version": API_VERSION,
        "trace_id": trace_id(run.execution_id),
        "span_id": str(uuid.UUID(run.execution_id)),
        "parent": parent_context(run),
        "links": None,
        "body": {"workflow_definition": dict(run.definition), **body},
    }
