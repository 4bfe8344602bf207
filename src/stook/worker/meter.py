"""Who counts what a worker does: told once per claim, flush, step, group and lost slice, never per item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stook.core.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.worker.source import Settlement, Slice

__all__ = ["Load", "Meter"]


class Load(Protocol):
    """A worker, as it is at the moment."""

    @property
    def in_flight(self) -> int: ...

    @property
    def running(self) -> int: ...

    @property
    def capacity(self) -> int: ...


class Meter(Tally, Protocol):
    """All of it on the worker's loop. Durations in nanoseconds."""

    def attach(self, load: Load) -> None:
        """A worker began."""
        ...

    def detach(self, load: Load) -> None: ...

    def claimed(self, slices: Sequence[Slice], took: int) -> None:
        """A claim was answered, perhaps with nothing."""
        ...

    def settled(self, settlements: Sequence[tuple[Slice, Settlement]], took: int) -> None:
        """A flush is durable."""
        ...

    def stepped(self, piece: Slice, *, cached: bool, took: int) -> None:
        """A step was asked for: it was remembered (`cached`), or it ran and is stored."""
        ...

    def grouped(self, task: str, size: int, closed_by: str, age: float) -> None:
        """A batched handler is called, `age` seconds after the first member reached the worker."""
        ...

    def fenced(self, piece: Slice) -> None:
        """A write was refused, since its slice is not this worker's any more."""
        ...

    def lost(self, piece: Slice, items: int) -> None:
        """A lease ended before so many of its items were settled."""
        ...
