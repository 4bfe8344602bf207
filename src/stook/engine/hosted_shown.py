"""Executions and batches of hosted code as edges show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.given_output import given_text
from stook.core.hosted import Dialect
from stook.core.hosted_reason import HostedReason, hosted_reason
from stook.core.ids import execution_id
from stook.core.payload import decode
from stook.core.phase import Counters
from stook.core.states import BatchState, State
from stook.store.script.read.ending import ItemError

if TYPE_CHECKING:
    from stook.store.script.read.batch_view import BatchView
    from stook.store.script.read.hosted_batches import HostedRow
    from stook.store.script.read.hosted_items import HostedItem

__all__ = ["HOSTED", "HostedBatch", "HostedExecution", "shown_batch", "shown_execution"]

HOSTED: Final = "hosted"
"""Under this name a batch's metadata says what its code is told of how it was asked for: `label`, `version_id`, and the
`actor` where there was one. Workers get that as `Slice.metadata`."""


class HostedExecution(msgspec.Struct, kw_only=True):
    """Times are microseconds; ids as they are shown.

    `begun`: an attempt of it has started, whatever its state is now. `stopping`: it runs, is being cancelled, and
    cannot end otherwise any more. `payload` and `result` are JSON, byte for byte as they were given; `payload` is None
    where it was submitted without one. `output` is the text that somebody else than its code gave it as it ended.
    """

    id: str
    batch_id: str | None
    """None: submitted alone."""
    index: int
    """In its batch."""
    dialect: Dialect
    deployment_id: str
    app: str
    action: str
    label: str
    version_id: str
    actor: str | None
    state: State
    begun: bool
    stopping: bool
    attempt: int
    created_at: int
    started_at: int | None
    """When its first attempt did, once one has."""
    finished_at: int | None
    payload: bytes | None
    result: bytes | None
    """Of one that has succeeded."""
    output: str | None
    given: bool
    """It ended because somebody else than its code said so: `output` is all that it came to."""
    error: ItemError | None
    """Of one that has failed: code, type, message, traceback."""
    reason: HostedReason | None
    """Exactly of those that ended and did not succeed."""
    timeout: float | None
    """Seconds of running time of one attempt."""
    external_id: str | None
    item_id: str | None
    """The caller's own name for it, within its batch."""
    metadata: Mapping[str, Any]


class HostedBatch(msgspec.Struct, kw_only=True):
    """Times are microseconds. `counters` tell queued and running too, and cancelled and expired apart."""

    id: str
    dialect: Dialect
    deployment_id: str
    app: str
    action: str
    label: str
    version_id: str
    actor: str | None
    state: BatchState
    begun: bool
    """One of its executions has started."""
    counters: Counters
    max_concurrency: int | None
    priority: int
    created_at: int
    started_at: int | None
    finished_at: int | None
    reason: str | None
    """Why it was stopped, or is paused."""


def shown_execution(found: HostedItem) -> HostedExecution:
    row, of, extras = found.row, found.of, found.extras
    output = found.output
    if found.form is not None and row.result is not None:
        output = given_text(row.result, found.form)
    code = None if row.error is None else row.error.code
    return HostedExecution(
        id=row.id,
        batch_id=None if of.single else execution_id(of.batch_id, 0),
        index=row.index,
        dialect=of.dialect,
        deployment_id=of.deployment_id,
        app=of.app,
        action=of.action,
        label=of.label,
        version_id=of.version_id,
        actor=_actor(found.metadata),
        state=row.state,
        begun=found.begun,
        stopping=found.stopping,
        attempt=row.attempts,
        created_at=of.created_at,
        started_at=found.started_at,
        finished_at=row.finished_at,
        payload=None if extras.empty else row.input,
        result=(b"null" if row.result is None else row.result) if row.state is State.succeeded else None,
        output=output,
        given=found.form is not None or row.state is State.cancelled,
        error=row.error,
        reason=hosted_reason(row.state, code, found.cancelled_with, begun=found.begun),
        timeout=found.timeout,
        external_id=extras.external_id,
        item_id=row.key,
        metadata=extras.metadata or {},
    )


def shown_batch(of: HostedRow, view: BatchView, first_claim: int | None) -> HostedBatch:
    """`first_claim`: of what runs now, when the first was begun."""
    begun = [one for one in (view.started_at, first_claim) if one is not None]
    return HostedBatch(
        id=view.public_id,
        dialect=of.dialect,
        deployment_id=of.deployment_id,
        app=of.app,
        action=of.action,
        label=of.label,
        version_id=of.version_id,
        actor=_actor(view.metadata),
        state=view.state,
        begun=bool(begun),
        counters=view.counters,
        max_concurrency=view.max_concurrency,
        priority=view.priority,
        created_at=view.created_at,
        started_at=min(begun) if begun else None,
        finished_at=view.finished_at,
        reason=view.reason,
    )


def _actor(metadata: str | None) -> str | None:
    found = {} if metadata is None else decode(metadata.encode()).get(HOSTED, {})
    actor = found.get("actor")
    return actor if isinstance(actor, str) else None
