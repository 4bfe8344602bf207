"""What the Kernel dialect says of batches, as objects."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

__all__ = [
    "BatchCreated",
    "BatchEvent",
    "BatchJob",
    "BatchProgress",
    "BatchState",
    "BatchStatus",
    "Invocation",
    "InvocationResult",
    "InvocationStatus",
    "read_event",
]

BatchStatus = Literal["queued", "running", "succeeded", "partially_failed", "failed"]
InvocationStatus = Literal["queued", "running", "succeeded", "failed"]


class Invocation(msgspec.Struct, kw_only=True):
    """`payload` and `output` are texts of JSON; `item_id` is the caller's own name for it."""

    id: str
    app_name: str
    action_name: str
    version: str
    status: InvocationStatus
    started_at: datetime
    finished_at: datetime | None = None
    payload: str | None = None
    output: str | None = None
    status_reason: str | None = None
    deployment_id: str | None = None
    batch_job_id: str | None = None
    item_id: str | None = None


class InvocationResult(msgspec.Struct, kw_only=True):
    """What became of the payload number `index`."""

    index: int
    id: str
    item_id: str | None = None
    status: InvocationStatus
    output: str | None = None
    status_reason: str | None = None


class BatchJob(msgspec.Struct, kw_only=True):
    """`invocations`, in the order of their payloads, where it was retrieved; None elsewhere."""

    id: str
    status: BatchStatus
    total_count: int
    succeeded_count: int
    failed_count: int
    queued_count: int
    running_count: int
    app_name: str
    action_name: str
    version: str
    max_concurrency: int | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    status_reason: str | None = None
    invocations: list[Invocation] | None = None


class BatchCreated(msgspec.Struct, kw_only=True):
    batch_job_id: str
    total_count: int
    status: BatchStatus
    app_name: str
    action_name: str
    version: str
    max_concurrency: int | None = None
    created_at: datetime


class BatchState(msgspec.Struct, kw_only=True):
    event: Literal["batch_state"]
    timestamp: datetime
    batch_job: BatchJob


class BatchProgress(msgspec.Struct, kw_only=True):
    event: Literal["batch_progress"]
    timestamp: datetime
    batch_job_id: str
    succeeded_count: int
    failed_count: int
    total_count: int


BatchEvent = BatchState | BatchProgress


class _Kind(msgspec.Struct):
    event: str = ""


_KINDS: Final[dict[str, Any]] = {"batch_state": BatchState, "batch_progress": BatchProgress}


def read_event(data: bytes) -> BatchEvent | None:
    """None: one that is no news of a batch, as a heartbeat."""
    kind = _KINDS.get(msgspec.json.decode(data, type=_Kind).event)
    if kind is None:
        return None
    found: BatchEvent = msgspec.json.decode(data, type=kind)
    return found
