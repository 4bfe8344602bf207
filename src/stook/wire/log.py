"""What executions say, on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from stook.wire.stamp import Stamp

__all__ = ["AttemptLog", "FollowExecutionQuery", "LogLine", "LogPage", "LogQuery"]


class LogLine(msgspec.Struct, kw_only=True, gc=False):
    """`line` counts from 1 in its attempt: a gap shows what was dropped. `source` is the name of a logger, `stdout` or
    `stderr`, or `stook` for the entry that says how many lines were dropped. `at` is by its worker's clock. `run`
    counts how often the attempt began again because its worker died or handed it back. `cursor` is the `after` to go
    on behind it."""

    round: int
    attempt: int
    run: int
    line: int
    at: Stamp
    level: str | None
    source: str
    message: str
    fields: dict[str, Any] | None
    cursor: str


class LogPage(msgspec.Struct):
    data: list[LogLine]
    next: str | None


class LogQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`attempt` leaves out all others. `after` is `next` of the page before, or the `cursor` of a line. Without
    `format` the Accept header says it: application/json, application/x-ndjson or text/plain."""

    attempt: Annotated[int, msgspec.Meta(ge=1, lt=2**31)] | None = None
    after: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1000
    format: Literal["json", "ndjson", "text"] | None = None


class AttemptLog(msgspec.Struct):
    """How many lines an attempt has kept, and how many were dropped."""

    round: int
    attempt: int
    lines: int
    dropped: int


class FollowExecutionQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`logs`: `event: log` for each line that is stored; its id is the cursor that `after` or `Last-Event-ID` goes on
    behind."""

    logs: bool = False
    after: str | None = None
