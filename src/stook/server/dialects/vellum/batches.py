"""Batches of workflows, which Vellum does not have: many runs of one release, submitted and stopped together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from stook.core.ids import execution_id, parse_id
from stook.core.payload import validate_many
from stook.core.states import BatchState
from stook.engine.hosted_executions import ExternalIdHeld
from stook.server.call import answer
from stook.server.dialects.vellum.addresses import own_url
from stook.server.dialects.vellum.asking import asked, read_body, uuid_text
from stook.server.dialects.vellum.inputs import Input, to_payload
from stook.server.dialects.vellum.paging import page, read_paging
from stook.server.dialects.vellum.refused import VellumRefusal, bad, not_there
from stook.server.dialects.vellum.running import show_all
from stook.server.dialects.vellum.states import wire_batch
from stook.server.dialects.vellum.status import status_of
from stook.server.dialects.vellum.submitting import Text, actor_of, held, resolve
from stook.server.route import Route
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.engine.hosted_batches import HostedBatch
    from stook.server.call import Call

__all__ = ["ROUTES"]

_MOST: Final = 10_000


class BatchItem(msgspec.Struct):
    inputs: list[Input]
    external_id: Text | None = None
    metadata: dict[str, Any] | None = None


class BatchSubmission(msgspec.Struct):
    items: Annotated[list[BatchItem], msgspec.Meta(min_length=1)]
    workflow_deployment_id: Text | None = None
    workflow_deployment_name: Text | None = None
    release_tag: Text | None = None


async def submit_batch(call: Call) -> Response:
    """All of it, or nothing: an item that is not right is named, and so is an `external_id` that is held. What runs
    badly later stays with its item."""
    raw = await read_body(call, BatchSubmission, call.services.limits.batch_bytes)
    if len(raw.items) > _MOST:
        raise bad(f"there are {len(raw.items)} items; submit {_MOST} at once at the most")
    payloads = validate_many([_payload(at, one) for at, one in enumerate(raw.items)])
    given = [one.external_id for one in raw.items if one.external_id is not None]
    if len(set(given)) < len(given):
        twice = next(one for at, one in enumerate(given) if one in given[:at])
        raise bad(f"external_id {twice!r} is given twice")
    resolved = await resolve(call, raw.workflow_deployment_id, raw.workflow_deployment_name, raw.release_tag)
    made = await call.services.hosted_batches.create(
        call.key.project,
        resolved,
        payloads,
        external_ids=[one.external_id for one in raw.items] if given else None,
        metadatas=[one.metadata for one in raw.items] if any(one.metadata for one in raw.items) else None,
        actor=actor_of(call),
    )
    if isinstance(made, ExternalIdHeld):
        raise held(made)
    batch_id = parse_id(made.id)
    ids = [execution_id(batch_id, index) for index in range(len(payloads))]
    return answer({"batch_id": made.id, "execution_ids": ids})


async def list_batches(call: Call) -> Response:
    """The newest first."""
    query = asked(call)
    paging = read_paging(query)
    name = query.get("workflow_deployment_name") or None
    found = await call.services.hosted_batches.list(
        call.key.project, dialect="vellum", app=name, limit=paging.limit, offset=paging.offset
    )
    count = paging.offset + len(found.items) + found.more
    shown = page([_batch(one) for one in found.items], count, paging, own_url(call))
    del shown["count"]
    return answer(shown)


async def show_batch(call: Call) -> Response:
    return answer(_batch(await _found(call)))


async def list_batch_executions(call: Call) -> Response:
    """As their status routes show them, in the order of the items."""
    batch = await _found(call)
    paging = read_paging(asked(call))
    batch_id = parse_id(batch.id)
    indexes = range(paging.offset, min(paging.offset + paging.limit, batch.counters.total))
    ids = [execution_id(batch_id, index) for index in indexes]
    found = [await call.services.hosted.get(call.key.project, one) for one in ids]
    shown = await show_all(call, [one for one in found if one is not None])
    results = [{**status_of(call, one), "external_id": one.execution.external_id} for one in shown]
    return answer(page(results, batch.counters.total, paging, own_url(call)))


async def cancel_batch(call: Call) -> Response:
    """What waits ends now, what runs is told to stop; nothing happens to one that has ended."""
    batch = await _found(call)
    by = call.recording_of("cancel", batch=batch.id)
    await call.services.hosted_batches.cancel(call.key.project, batch.id, reason="cancelled by user", by=by)
    return answer(_batch(await _found(call)))


def _payload(at: int, item: BatchItem) -> bytes:
    try:
        return to_payload(item.inputs)
    except VellumRefusal as error:
        raise bad(f"items[{at}]: {error.problem.message}") from None


async def _found(call: Call) -> HostedBatch:
    text = call.path("batch")
    batch_id = uuid_text(text)
    found = None if batch_id is None else await call.services.hosted_batches.get(call.key.project, batch_id)
    if found is None or found.dialect != "vellum":
        raise not_there(f"there is no batch {text[:100]!r}")
    return found


def _batch(one: HostedBatch) -> dict[str, Any]:
    counters = one.counters
    return {
        "batch_id": one.id,
        "status": wire_batch(one.state),
        "error": _error(one),
        "workflow_deployment_name": one.app,
        "release_tag": one.label,
        "release_id": one.deployment_id,
        "counts": {
            "total": counters.total,
            "waiting": counters.queued + counters.scheduled + counters.suspended,
            "running": counters.running,
            "fulfilled": counters.succeeded,
            "rejected": counters.failed + counters.cancelled + counters.expired,
        },
        "created": stamp(one.created_at),
        "ended": stamp(one.finished_at),
    }


def _error(one: HostedBatch) -> dict[str, str] | None:
    """Of a batch that was rejected as a whole."""
    match one.state:
        case BatchState.cancelled:
            return {"code": "WORKFLOW_CANCELLED", "message": one.reason or "the batch was cancelled"}
        case BatchState.expired:
            return {"code": "WORKFLOW_TIMEOUT", "message": one.reason or "the batch took longer than it may"}
        case BatchState.failed:
            return {"code": "NODE_EXECUTION", "message": one.reason or "every execution of the batch was rejected"}
        case _:
            return None


ROUTES = [
    Route(
        method="POST",
        path="/v1/execute-workflow-batch",
        name="vellum_execute_batch",
        scope="submit",
        handler=submit_batch,
        summary="Start many runs of a workflow",
        large=True,
    ),
    Route(
        method="GET",
        path="/v1/workflow-batches",
        name="vellum_list_batches",
        scope="read",
        handler=list_batches,
        summary="Batches of workflows",
    ),
    Route(
        method="GET",
        path="/v1/workflow-batches/{batch}",
        name="vellum_show_batch",
        scope="read",
        handler=show_batch,
        summary="A batch of workflows",
    ),
    Route(
        method="GET",
        path="/v1/workflow-batches/{batch}/executions",
        name="vellum_batch_executions",
        scope="read",
        handler=list_batch_executions,
        summary="Executions of a batch, in the order of its items",
    ),
    Route(
        method="POST",
        path="/v1/workflow-batches/{batch}/cancel",
        name="vellum_cancel_batch",
        scope="operate",
        handler=cancel_batch,
        summary="Cancel a batch of workflows",
    ),
]
