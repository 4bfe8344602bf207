"""Who counts what an engine does: told once per call and once per sweep, never per item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Tally"]


class Tally(Protocol):
    def invoked(self, receipts: Iterable[tuple[str, str, str | None]]) -> None:
        """A call of `invoke` is durable: task, queue and reason of each receipt, None for what it simply created."""
        ...

    def lapsed(self, items: Mapping[tuple[str, str], int]) -> None:
        """Executions were taken back whose worker is gone: how many by task and queue."""
        ...
