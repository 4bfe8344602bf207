"""What a suspended execution waits for."""

from __future__ import annotations

from typing import Literal, assert_never

import msgspec

from stook.core.memo import Memo, MemoError

__all__ = ["Awaited", "ChildCall", "EventWait", "Wait", "WaitKind", "cancels_begun", "due_at", "past_due"]

WaitKind = Literal["sleep", "child", "event"]


class ChildCall(msgspec.Struct, gc=False):
    """An execution to start for its parent, once per (parent, key).

    `policy` is a TaskPolicy as JSON when the caller knows the task; None: the store looks in the project's catalogue.
    Calls of one suspension with the same `group` become one hidden batch of which `max_parallel` run at once.
    """

    task: str
    payload: bytes = b"null"
    queue: str | None = None
    priority: int | None = None
    policy: str | None = None
    on_failure: Literal["raise", "fail_parent"] = "raise"
    cancel_on_timeout: Literal["unstarted", "always", "never"] = "unstarted"
    group: str | None = None
    max_parallel: int | None = None
    trace: str | None = None


class EventWait(msgspec.Struct, gc=False):
    """`match` is a JSON object that the event's payload must contain; None: any payload will do."""

    name: str
    match: bytes | None = None


class Wait(msgspec.Struct, gc=False):
    """One thing to wait for under `key`.

    `seconds` is how long to sleep, or the timeout of a child or an event, counted by the database's clock from the
    suspension; `until` is a moment in microseconds instead. A child or an event with neither waits for ever.
    """

    key: str
    kind: WaitKind
    seconds: float | None = None
    until: int | None = None
    child: ChildCall | None = None
    event: EventWait | None = None
    code: str = ""
    """For the memo that it becomes: a digest of the handler's code that waits."""


class Awaited(msgspec.Struct, frozen=True):
    """A wait that is still open, to be shown. `child_id` is public; `due_at` is the end of the sleep, or when the rest
    times out."""

    key: str
    kind: WaitKind
    at: int
    due_at: int | None = None
    child_id: str | None = None
    event: str | None = None


def due_at(wait: Wait, now: int) -> int | None:
    """When the sleep is over, or the rest times out; microseconds. A sleep without a time is over at once."""
    if wait.until is not None:
        return wait.until
    if wait.seconds is not None:
        return now + round(wait.seconds * 1_000_000)
    return now if wait.kind == "sleep" else None


def past_due(kind: WaitKind, key: str, event: str | None, waited: int, child_id: str | None = None) -> Memo:
    """What its time brings to who waits; `waited` is in microseconds."""
    ms = round(waited / 1000)
    match kind:
        case "sleep":
            return Memo(key, "sleep")
        case "child":
            message = f"Child execution timed out after {ms}ms"
            return Memo(key, "child", error=MemoError("timeout", "ChildTimeout", message, child_id))
        case "event":
            message = f"No event {event!r} came within {ms}ms"
            return Memo(key, "event", error=MemoError("timeout", "EventTimeout", message))
        case _:
            assert_never(kind)


def cancels_begun(on_timeout: str | None) -> bool | None:
    """Of the child of a wait that timed out, or that nobody waits for any more: None, it goes on as if nothing had
    happened; else it is cancelled, if it has begun only with True."""
    return None if on_timeout == "never" else on_timeout == "always"
