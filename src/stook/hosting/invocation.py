"""One execution of hosted code, as its replica has to know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.hosted import read_hosted_task

if TYPE_CHECKING:
    from stook.worker.assignment import Assignment

__all__ = ["HostedAttempt", "Invocation", "invocation_of"]


class HostedAttempt(msgspec.Struct, frozen=True):
    """What the context of a handler says of it. `created_at` in microseconds."""

    attempt: int
    max_attempts: int
    queue: str
    created_at: int
    fence: int
    parent: str | None
    tags: tuple[str, ...]


class Invocation(msgspec.Struct, frozen=True):
    """`payload` is JSON, byte for byte as it was submitted; None: it was submitted without one. `timeout` seconds."""

    id: str
    app: str
    action: str
    payload: str | None
    label: str
    timeout: float | None
    external_id: str | None
    metadata: dict[str, Any]
    attempt: HostedAttempt
    actor: str | None = None
    """Who asked for it: JSON with `id` and `label`."""


def invocation_of(assignment: Assignment, offset: int, payload: bytes) -> Invocation:
    task = read_hosted_task(assignment.task)
    assert task is not None, assignment.task
    extras = assignment.extras_of(offset)
    metadata = dict(assignment.metadata_of(offset))
    hosted = metadata.pop("hosted", None) or {}
    return Invocation(
        id=assignment.execution_id(offset),
        app=task.app,
        action=task.action,
        payload=None if extras.empty else payload.decode(),
        label=str(hosted.get("label", "")),
        timeout=assignment.timeout_of(offset),
        external_id=extras.external_id,
        metadata=metadata,
        attempt=HostedAttempt(
            assignment.attempt,
            assignment.max_attempts,
            assignment.queue,
            assignment.created_at,
            assignment.fence,
            extras.parent,
            extras.tags,
        ),
        actor=hosted.get("actor"),
    )
