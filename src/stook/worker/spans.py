"""Who traces what a worker does. Asked once per slice of a batch whose submission was traced, and never for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.worker.source import Slice, Trouble

__all__ = ["GroupSpan", "SliceSpans", "Spans"]


class SliceSpans(Protocol):
    """Of the attempts at one slice's items. From any thread, each offset on one at a time."""

    def begin(self, offset: int) -> None:
        """The attempt begins, in the context that its handler runs in."""
        ...

    def end(self, offset: int, trouble: Trouble | None, took: int) -> None:
        """How it ended, after `took` nanoseconds. It may not have begun here: it ran in a child process, or not."""
        ...


class GroupSpan(Protocol):
    """Of one call of a batched handler."""

    def begin(self) -> None:
        """In the context that the handler runs in."""
        ...

    def end(self, error: BaseException | None) -> None: ...


class Spans(Protocol):
    def of(self, piece: Slice) -> SliceSpans | None:
        """None: nothing is recorded."""
        ...

    def of_group(self, pieces: Sequence[Slice], size: int) -> GroupSpan | None: ...
