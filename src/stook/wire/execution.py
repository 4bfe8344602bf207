"""Executions and results on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from stook.wire.batch import Endpoints
from stook.wire.log import AttemptLog
from stook.wire.stamp import Moment, Stamp

__all__ = [
    "Attempt",
    "Change",
    "EditExecution",
    "Execution",
    "ExecutionDetail",
    "ExecutionError",
    "ExecutionPage",
    "ExecutionQuery",
    "NewExecution",
    "ResultQuery",
    "SkipExecution",
    "StateChanges",
    "StateMapQuery",
    "WaitQuery",
]

At = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
Index = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Wait = Annotated[float, msgspec.Meta(ge=0, le=60)]
Whole = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]


class ExecutionError(msgspec.Struct, kw_only=True, gc=False):
    """`traceback` is null where it was not asked for."""

    type: str
    code: str
    message: str
    fingerprint: str
    traceback: str | None = None


class Execution(msgspec.Struct, kw_only=True, gc=False):
    """`attempts` are those begun in its current `round`, `duration` (seconds) is the last one's; `settle` is its number
    in the order of outcomes, once it has ended. `result` is null as well where there is none."""

    id: str
    batch_id: str
    index: int
    key: str | None
    state: str
    input: msgspec.Raw
    result: msgspec.Raw
    error: ExecutionError | None
    attempts: int
    round: int
    duration: float | None
    finished_at: Stamp | None
    settle: int | None
    tags: list[str] = []


class ExecutionPage(msgspec.Struct):
    data: list[Execution]
    next: str | None


class Attempt(msgspec.Struct, kw_only=True):
    """One try that has ended: with `error` where it failed or was lost. A loss (`loss` counts them) did not use the
    attempt up."""

    round: int
    attempt: int
    loss: int
    final: bool
    duration: float | None
    ended_at: Stamp
    error: ExecutionError | None


class Change(msgspec.Struct, kw_only=True):
    """What was done to it by hand: `edit` gave it a new `input`, `skip` ended it. `actor` is the id of a key; null: it
    was done in the process that holds the store."""

    kind: str
    input: msgspec.Raw
    reason: str | None
    actor: str | None
    at: Stamp


class ExecutionDetail(Execution, kw_only=True, gc=False):
    """`worker` and `lease_expires_at` while it runs, `due_at` while it is scheduled. `original_input` is what was
    submitted, where `changes` have changed it since: `input` is what its last or next attempt gets."""

    task: str
    priority: int
    history: list[Attempt]
    original_input: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))
    changes: list[Change] = []
    worker: str | None
    lease_expires_at: Stamp | None
    due_at: Stamp | None
    logs: list[AttemptLog] = []
    """Of attempts that have said something."""


class ExecutionQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Filters are joined by and. `state` may name several, with commas between; `group` is a failure's fingerprint,
    `code` and `type` are its error's; `from` and `to` bound the indexes, the last is not meant. `after` is `next` of
    the page before."""

    state: str | None = None
    group: str | None = None
    key: str | None = None
    tag: str | None = None
    code: str | None = None
    type: str | None = None
    from_: Index | None = None
    to: Index | None = None
    after: Index = 0
    limit: Limit = 100
    tracebacks: bool = False


class ResultQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`after`: with order=input that many items are left out from the start, with order=settled that many outcomes:
    a row's `settle` + 1 goes on behind it."""

    order: Literal["input", "settled"] = "input"
    format: Literal["ndjson", "csv", "json", "parquet"] = "ndjson"
    state: str | None = None
    tag: str | None = None
    after: At = 0


class StateMapQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    from_: Index = 0
    count: Annotated[int, msgspec.Meta(ge=1, lt=2**32)] | None = None
    since: str | None = None


class StateChanges(msgspec.Struct):
    """(index, state's number) of what has ended since; `cursor` is the next `since`."""

    cursor: str
    settled: int
    changes: list[tuple[int, int]]


class NewExecution(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    task: str
    payload: msgspec.Raw
    dedupe_key: str | None = None
    priority: Whole = 0
    run_at: Moment | None = None
    delay: float | None = None
    expires_in: float | None = None
    metadata: dict[str, Any] | None = None
    webhooks: Endpoints | None = None


class EditExecution(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The `input` of its next attempt. With `retry` one that ended badly is tried again at once."""

    input: msgspec.Raw
    retry: bool = True


class SkipExecution(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    reason: str = "skipped by user"


class WaitQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Seconds the answer may wait for the execution's end."""

    wait: Wait = 0
