"""One execution of hosted code, as its replica has to know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.hosted import read_hosted_task

if TYPE_CHECKING:
    from stook.worker.context import Context

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


def invocation_of(context: Context, payload: bytes) -> Invocation:
    task = read_hosted_task(context.task)
    assert task is not None, context.task
    assignment, offset = context._assignment, context._offset  # noqa: SLF001 -- what no handler of a user's may ask
    extras = assignment.extras_of(offset)
    metadata = dict(context.metadata)
    hosted = metadata.pop("hosted", None) or {}
    return Invocation(
        id=context.execution_id,
        app=task.app,
        action=task.action,
        payload=None if extras.empty else payload.decode(),
        label=str(hosted.get("label", "")),
        timeout=assignment.timeout_of(offset),
        external_id=extras.external_id,
        metadata=metadata,
        attempt=HostedAttempt(
            context.attempt,
            context.max_attempts,
            context.queue,
            assignment.created_at,
            context.fence,
            context.parent_id,
            context.tags,
        ),
        actor=hosted.get("actor"),
    )
