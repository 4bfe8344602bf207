"""Submitting workflows: resolved to a release at once, accepted whatever runs already, started oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, assert_never

import msgspec

from stook.core.deployment import Deployment, Resolved
from stook.core.payload import validate_many
from stook.core.vellum_ids import workflow_deployment_id
from stook.core.vellum_release import LATEST
from stook.engine.hosted_executions import ExternalIdHeld
from stook.server.dialects.vellum.asking import uuid_text
from stook.server.dialects.vellum.inputs import Input, to_payload
from stook.server.dialects.vellum.refused import bad, not_there
from stook.server.dialects.vellum.releases import find_name

if TYPE_CHECKING:
    from stook.server.call import Call

__all__ = [
    "EventType",
    "Submission",
    "Submitted",
    "Text",
    "actor_of",
    "held",
    "refuse_previous",
    "resolve",
    "resolve_named",
    "submit",
    "submit_resolved",
]

Text = Annotated[str, msgspec.Meta(min_length=1)]
EventType = Literal["NODE", "WORKFLOW"]


class ExpandMeta(msgspec.Struct):
    usage: bool | None = None
    cost: bool | None = None
    model_name: bool | None = None


class Submission(msgspec.Struct):
    """Null is as good as absent; keys that are not known are passed over."""

    inputs: list[Input]
    workflow_deployment_id: Text | None = None
    workflow_deployment_name: Text | None = None
    release_tag: Text | None = None
    external_id: Text | None = None
    metadata: dict[str, Any] | None = None
    previous_execution_id: Any = None
    expand_meta: ExpandMeta | None = None
    event_types: list[EventType] | None = None


class Submitted(msgspec.Struct, frozen=True):
    execution_id: str
    external_id: str | None
    release: Deployment
    expand_meta: ExpandMeta | None = None


async def submit(call: Call, asked: Submission) -> Submitted:
    """Durable on return, and to be seen at once."""
    refuse_previous(asked.previous_execution_id)
    payload = to_payload(asked.inputs)
    resolved = await resolve(call, asked.workflow_deployment_id, asked.workflow_deployment_name, asked.release_tag)
    return await submit_resolved(
        call, resolved, payload, asked.external_id, asked.metadata, expand_meta=asked.expand_meta
    )


async def submit_resolved(
    call: Call,
    resolved: Resolved,
    payload: bytes,
    external_id: str | None,
    metadata: dict[str, Any] | None,
    *,
    expand_meta: ExpandMeta | None = None,
) -> Submitted:
    project = call.key.project
    release = await call.services.deployments.get(project, resolved.deployment_id)
    if release is None:
        raise not_there(f"the release {resolved.deployment_id} is gone")
    call.services.figures.http.submitted.inc()
    made = await call.services.hosted.submit(
        project,
        resolved,
        validate_many([payload])[0],
        external_id=external_id,
        metadata=metadata,
        actor=actor_of(call),
    )
    if isinstance(made, ExternalIdHeld):
        raise held(made)
    return Submitted(made, external_id, release, expand_meta)


def actor_of(call: Call) -> str:
    """Who asked, as it stands in events."""
    return msgspec.json.encode({"id": call.key.id, "label": call.key.name}).decode()


def held(holder: ExternalIdHeld) -> Exception:
    """Never a success: what was submitted first may have had other inputs."""
    return bad(
        f"external_id {holder.external_id!r} is the id of another execution: {holder.execution_id}",
        execution_id=holder.execution_id,
    )


def refuse_previous(given: Any) -> None:
    if given is not None:
        raise bad("previous_execution_id is not supported: no state of an earlier execution is loaded")


async def resolve(call: Call, id_: str | None, name: str | None, tag: str | None) -> Resolved:
    """With both, the id wins, and 400 says that they differ."""
    if id_ is None:
        if name is None:
            raise bad("give workflow_deployment_id or workflow_deployment_name")
        return await resolve_named(call, name, tag)
    wanted = uuid_text(id_)
    if wanted is None:
        raise not_there(f"there is no workflow deployment with the id {id_[:100]!r}")
    if name is not None and workflow_deployment_id(call.key.project, name) == wanted:
        return await resolve_named(call, name, tag)
    found = await find_name(call, wanted)
    if name is not None:
        raise bad(f"workflow_deployment_id is that of {found!r}, and workflow_deployment_name is {name[:100]!r}")
    return await resolve_named(call, found, tag)


async def resolve_named(call: Call, name: str, tag: str | None) -> Resolved:
    """Pinned to what the tag points at now."""
    label = tag or LATEST
    found = await call.services.deployments.resolve(call.key.project, "vellum", name, "workflow", label)
    if isinstance(found, Resolved):
        return found
    match found.what:
        case "app" | "action":
            raise not_there(f"there is no workflow deployment {name[:100]!r}")
        case "label":
            raise not_there(f"workflow deployment {name!r} has no release tag {label[:150]!r}")
        case _:
            assert_never(found.what)
