"""Invocations on the wire: what is asked for, and the receipts; executions as those see them who invoked them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from stook.wire.execution import ExecutionError
from stook.wire.stamp import Moment, Stamp

__all__ = [
    "Affected",
    "CancelExecutions",
    "DebounceTerms",
    "ExecutionStatus",
    "FindExecutions",
    "Invoke",
    "InvokeItem",
    "Invoked",
    "Receipt",
    "RetryExecutions",
    "StatusPage",
    "ThrottleTerms",
    "Waiting",
]

Dedupe = Literal["return_existing", "replace", "supersede", "reject"]
Reason = Literal["duplicate", "throttled", "debounced", "replaced", "superseded", "folded"]
Whole = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Null = msgspec.Raw(b"null")


class ThrottleTerms(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """For so many `seconds` after one was accepted, the same task and `key` (left out: the `dedupe_key`) makes none."""

    seconds: float
    key: str | None = None


class DebounceTerms(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Due after `seconds`; until it starts, later ones under the `key` only replace its payload. `reset`: each pushes
    it, not beyond `max_wait` seconds after the first."""

    seconds: float
    key: str | None = None
    reset: bool = False
    max_wait: float | None = None


class InvokeItem(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One execution to be. Durations are seconds; `throttle` and `debounce` are seconds too, where nothing more is to
    be said of them. `task` and `dedupe` are the call's where they are left out."""

    payload: msgspec.Raw = msgspec.field(default_factory=lambda: Null)
    task: str | None = None
    queue: str | None = None
    run_at: Moment | None = None
    delay: float | None = None
    priority: Whole = 0
    dedupe_key: str | None = None
    dedupe: Dedupe | None = None
    dedupe_ttl: float | None = None
    throttle: ThrottleTerms | float | None = None
    debounce: DebounceTerms | float | None = None
    timeout: float | None = None
    expires_in: float | None = None
    tags: list[str] = []
    metadata: dict[str, Any] | None = None


class Invoke(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Each of `items` is an `InvokeItem`. All of them are invoked in one transaction, or none. What is made forms a
    batch for each task, called `name`. `single`: the one item is an execution of its own.

    A call too large for one request is made of several: `series` has the batches begun so far, by task, as the answer
    before gave them ({} at first); they are open until `last`."""

    items: list[msgspec.Raw]
    task: str | None = None
    dedupe: Dedupe = "return_existing"
    name: str | None = None
    single: bool = False
    series: dict[str, str] | None = None
    last: bool = False


class Receipt(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`id` is the execution's, null for one that was throttled, by the execution `blocked_by`. `reason` says why none
    was created; `superseded` was created in the place of another."""

    id: str | None = None
    created: bool = False
    reason: Reason | None = None
    blocked_by: str | None = None


class Invoked(msgspec.Struct):
    """A receipt for each item, in their order; the batches that came to be, by task."""

    data: list[Receipt]
    batches: dict[str, str]


class Waiting(msgspec.Struct, kw_only=True):
    """What a suspended execution waits for since `at`: a `sleep` until `due_at`, or a `child` or an `event` up to
    then."""

    key: str
    kind: str
    at: Stamp
    due_at: Stamp | None = None
    child_id: str | None = None
    event: str | None = None


class ExecutionStatus(msgspec.Struct, kw_only=True):
    """As it is at this moment. `reason` is what it was cancelled with; `why_waiting` says in words why one that has not
    ended does not run, where it was asked for by id. `result` is null as well where there is none."""

    id: str
    task: str
    queue: str
    state: str
    priority: int
    attempts: int
    losses: int
    error: ExecutionError | None
    reason: str | None
    result: msgspec.Raw
    run_at: Stamp
    created_at: Stamp
    started_at: Stamp | None
    finished_at: Stamp | None
    parent_id: str | None
    batch_id: str | None
    dedupe_key: str | None
    tags: list[str]
    metadata: dict[str, Any]
    waiting_on: list[Waiting]
    why_waiting: str | None


class StatusPage(msgspec.Struct):
    data: list[ExecutionStatus]
    next: str | None


class FindExecutions(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Filters are joined by and. `state` may name several, with commas between; `dedupe_key` finds who holds it."""

    task: str | None = None
    queue: str | None = None
    state: str | None = None
    tag: str | None = None
    batch_id: str | None = None
    dedupe_key: str | None = None
    after: str | None = None
    limit: Limit = 100


class RetryExecutions(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Either `ids` or filters, as for finding them."""

    ids: list[str] | None = None
    task: str | None = None
    queue: str | None = None
    state: list[str] | None = None
    tag: str | None = None
    batch_id: str | None = None
    dedupe_key: str | None = None


class CancelExecutions(RetryExecutions, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`cancel_children`: what they wait for is cancelled too."""

    reason: str = "Cancelled by user"
    cancel_children: bool = True


class Affected(msgspec.Struct):
    """How many executions something was done to."""

    affected: int
