"""Contexts for handlers that are called by a test itself, without a store.

ctx = make_context(children={"price": 7}, events={"paid": {"order": 1}})
assert await handler(payload, ctx) == 14
assert ctx.rehearsal.slept == {"until tomorrow": 86_400}
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from stook.core.errors import ConfigError
from stook.core.extras import ItemExtras
from stook.core.ids import BatchIds, execution_id
from stook.testing.rehearsal import Rehearsal
from stook.worker.assignment import Assignment
from stook.worker.batch_context import BatchContext, Gathering, SyncBatchContext
from stook.worker.context import Context, SyncContext
from stook.worker.facilities import check_custom

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["RehearsedContext", "RehearsedSyncContext", "make_batch_context", "make_context"]

_ids = BatchIds(lambda: time.time_ns() // 1_000_000, secrets.randbits)


class Given(TypedDict, total=False):
    """What a context knows; each as the attribute of the same name, but for those that `make_context` explains."""

    queue: str
    attempt: int
    max_attempts: int
    timeout: float | None
    metadata: dict[str, Any]
    tags: Sequence[str]
    parent_id: str | None
    custom: Mapping[str, Any]
    children: Mapping[str, Any]
    events: Mapping[str, Any]
    steps: Mapping[str, Any]
    state: Any
    after: RehearsedContext | RehearsedSyncContext | None


class GivenGroup(TypedDict, total=False):
    """What a group's context knows, each as the attribute of the same name; `cancelled` is `items_cancelled`."""

    queue: str
    closed_by: str
    age: float
    timeout: float | None
    cancelled: set[int]


class RehearsedContext(Context):
    """A `Context` whose steps run and are remembered, whose sleeps are over at once, and whose children and events
    answer as the test says. `rehearsal` tells what the handler has done with it."""

    __slots__ = ("rehearsal",)

    rehearsal: Rehearsal


class RehearsedSyncContext(SyncContext):
    """As `RehearsedContext`, for `def` handlers."""

    __slots__ = ("rehearsal",)

    rehearsal: Rehearsal


@overload
def make_context(task: str = ..., *, sync: Literal[False] = ..., **given: Unpack[Given]) -> RehearsedContext: ...


@overload
def make_context(task: str = ..., *, sync: Literal[True], **given: Unpack[Given]) -> RehearsedSyncContext: ...


def make_context(
    task: str = "test", *, sync: bool = False, **given: Unpack[Given]
) -> RehearsedContext | RehearsedSyncContext:
    """A context of one attempt; `sync`: of a `def` handler.

    `children` and `events` answer by the key that the handler uses, or by the name of the task or event: with a value,
    with an exception (`ChildTimeout`, `EventTimeout`; of any other the child has failed), or with a function of the
    child's payload. `ConfigError` for one that has no answer, and for a key of `custom` that contexts have already.
    `steps` are remembered from attempts before, `state` is the last checkpoint's; `after` is the context of an
    attempt before, all of whose memory this one has."""
    _check_known(given, Given)
    batch_id = _ids()
    assignment = Assignment(
        batch_id,
        0,
        task,
        given.get("queue", "default"),
        given.get("attempt", 1),
        given.get("max_attempts", 3),
        given.get("timeout"),
        time.time_ns() // 1000,
        given.get("metadata") or {},
        {0: ItemExtras(parent=given.get("parent_id"), tags=tuple(given.get("tags", ())))},
        1,
    )
    after = given.get("after")
    rehearsal = Rehearsal(
        execution_id(batch_id, 0),
        children=given.get("children", {}),
        events=given.get("events", {}),
        steps=given.get("steps", {}),
        state=given.get("state"),
        after=None if after is None else after.rehearsal,
    )
    kind = RehearsedSyncContext if sync else RehearsedContext
    made = kind(assignment, 0, durable=rehearsal.bound, custom=check_custom(given.get("custom", {})))
    made.rehearsal = rehearsal
    return made


@overload
def make_batch_context(
    task: str = ..., *, size: int = ..., sync: Literal[False] = ..., **given: Unpack[GivenGroup]
) -> BatchContext: ...


@overload
def make_batch_context(
    task: str = ..., *, size: int = ..., sync: Literal[True], **given: Unpack[GivenGroup]
) -> SyncBatchContext: ...


def make_batch_context(
    task: str = "test",
    *,
    size: int = 1,
    sync: bool = False,
    **given: Unpack[GivenGroup],
) -> BatchContext | SyncBatchContext:
    """A context of a group of `size` members. `cancelled` are the indexes whose cancellation is asked for: the test may
    add to it while the handler runs."""
    _check_known(given, GivenGroup)
    batch_id = _ids()
    gathering = Gathering(
        task=task,
        queue=given.get("queue", "default"),
        group_id=execution_id(batch_id, 0),
        size=size,
        closed_by=given.get("closed_by", "size"),
        formed=time.monotonic() - given.get("age", 0.0),
        timeout=given.get("timeout"),
        cancelled=given.get("cancelled", set()),
        ids=lambda: [execution_id(batch_id, index) for index in range(size)],
    )
    return SyncBatchContext(gathering) if sync else BatchContext(gathering)


def _check_known(given: Mapping[str, Any], kind: type[Any]) -> None:
    known = sorted(kind.__annotations__)
    for name in given:
        if name not in known:
            raise ConfigError(f"a context has no {name!r} to be told", hint=f"known are {', '.join(known)}")
