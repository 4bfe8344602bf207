"""A verb that writes, and a moment to die in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from soak.crash_place import Place

__all__ = ["Act", "CrashPoint", "Ends", "everything", "nothing", "point"]

Act = Callable[[Place], Awaitable[Any]]
Ends = dict[str, int]


async def nothing(_: Place) -> None:
    """Nobody waits for an answer."""


class CrashPoint(NamedTuple):
    verb: Callable[..., Any]
    prepare: Act
    act: Act
    """In the doomed process, which dies at its first `verb`."""
    afterwards: Act
    """In the next process, before it drains the batch."""
    before: Ends
    """Executions by state at the end, if it died before the commit."""
    after: Ends
    events: tuple[str, ...] = ("finished",)
    events_after: tuple[str, ...] | None = None
    """Where they are others if the verb was durable."""
    gone: bool = False
    """The batch is deleted in the end."""
    single: bool = False
    tables: tuple[tuple[str, object], ...] = ()
    """Queries of one value, and what it is in the end, whether the verb was durable or not."""


def everything(state: str = "succeeded") -> Ends:
    return {state: 6}


def point(
    verb: Callable[..., Any],
    prepare: Act,
    act: Act,
    afterwards: Act = nothing,
    *,
    ends: Ends | None = None,
    after: Ends | None = None,
    **options: Any,
) -> CrashPoint:
    before = everything() if ends is None else ends
    return CrashPoint(verb, prepare, act, afterwards, before, before if after is None else after, **options)
