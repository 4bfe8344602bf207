"""Batches on the wire."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from stook.wire.stamp import Moment, Stamp

__all__ = [
    "AppendQuery",
    "Appended",
    "Batch",
    "BatchCounters",
    "BatchPage",
    "BatchQuery",
    "FailureGroup",
    "FailureGroups",
    "NewBatch",
    "NewItems",
    "StreamOptions",
    "Why",
]

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Whole = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
Count = Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
Endpoints = Annotated[list[str], msgspec.Meta(max_length=20)]
"""Ids of webhook endpoints that are to hear of it, besides those that hear of every batch."""


class BatchCounters(msgspec.Struct, kw_only=True):
    """Executions by state; the sum is the batch's `total`."""

    queued: int
    scheduled: int
    running: int
    suspended: int
    succeeded: int
    failed: int
    cancelled: int
    expired: int


class Batch(msgspec.Struct, kw_only=True):
    """`settled` numbers the outcomes so far, `consumed` the items taken in: the offset of the next append."""

    id: str
    project: str
    name: str
    task: str
    queue: str
    state: str
    total: int
    counters: BatchCounters
    progress: float
    """The part of `total` that has ended, 0 to 1."""
    rate: float | None
    """Outcomes a second; null before there are any."""
    eta_seconds: float | None
    priority: int
    max_concurrency: int | None
    reason: str | None
    """Why it is paused, was stopped, or a retry went no further."""
    probing: bool
    retries: int
    losses: int
    round: int
    settled: int
    consumed: int
    metadata: dict[str, Any] | None
    idempotency_key: str | None
    created_at: Stamp
    sealed_at: Stamp | None
    started_at: Stamp | None
    finished_at: Stamp | None
    deadline_at: Stamp | None


class BatchPage(msgspec.Struct):
    data: list[Batch]
    next: str | None


class BatchQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`state` may name several, with commas between. `name` is any part of it, `named` all of it.
    `key` is an idempotency key: the one batch it stands for."""

    state: str | None = None
    task: str | None = None
    name: str | None = None
    named: str | None = None
    key: str | None = None
    after: str | None = None
    limit: Limit = 50


class StreamOptions(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of a batch whose items are the body, in the query. `key`, `dedupe_key` and `tag` name fields of each item;
    `metadata` is a JSON object, `webhooks` are ids of endpoints with commas between. Seconds."""

    task: str
    key: str | None = None
    dedupe_key: str | None = None
    tag: str | None = None
    name: str | None = None
    priority: Whole = 0
    run_at: Moment | None = None
    delay: float | None = None
    expires_in: float | None = None
    deadline: float | None = None
    max_concurrency: Count | None = None
    metadata: str | None = None
    webhooks: str | None = None
    open: bool = False


class NewBatch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`keys` are the callers' ids of the items, one each, or `key` names the field that holds them; `tags` are those of
    each, or `tag` names the field that holds one or a list. `webhooks` are ids of endpoints that are to hear of it.
    With `open` more items may be appended until the batch is sealed."""

    task: str
    items: list[msgspec.Raw] | None = None
    keys: list[str] | None = None
    key: str | None = None
    dedupe_key: str | None = None
    tags: list[str | list[str] | None] | None = None
    tag: str | None = None
    name: str | None = None
    priority: Whole = 0
    run_at: Moment | None = None
    delay: float | None = None
    expires_in: float | None = None
    deadline: float | None = None
    max_concurrency: Count | None = None
    metadata: dict[str, Any] | None = None
    webhooks: Endpoints | None = None
    open: bool = False


class NewItems(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`keys` are the callers' ids of the items, `tags` their tags, one each."""

    items: list[msgspec.Raw]
    keys: list[str] | None = None
    tags: list[str | list[str] | None] | None = None


class AppendQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`offset` is the batch's `consumed`. `key` names the field of the items that holds the caller's id, `dedupe_key`
    that of its dedupe key, `tag` that of its tags."""

    offset: Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
    key: str | None = None
    dedupe_key: str | None = None
    tag: str | None = None
    run_at: Moment | None = None
    delay: float | None = None
    expires_in: float | None = None


class Appended(msgspec.Struct):
    """`consumed` is the offset of the next append, `total` the items of the batch."""

    consumed: int
    total: int


class Why(msgspec.Struct):
    """Why nothing more runs right now, the most telling first; empty: it runs."""

    reasons: list[str]


class FailureGroup(msgspec.Struct, kw_only=True):
    """Failures with one cause. `failed` executions have ended so and were not retried since."""

    fingerprint: str
    type: str
    code: str
    message: str
    failed: int
    attempts: int
    first_index: int
    first_at: Stamp
    last_at: Stamp


class FailureGroups(msgspec.Struct):
    data: list[FailureGroup]
    next: None = None
