"""The slices a worker holds, by token. The loop changes it; the renewal's thread reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.worker.held import Held
    from stook.worker.meter import Meter

__all__ = ["Live"]


class Live:
    """`changed` is called each time a slice went, `meter` hears of those that were lost."""

    def __init__(self, changed: Callable[[], None], meter: Meter | None = None) -> None:
        self._by_token: dict[int, Held] = {}
        self._changed = changed
        self._meter = meter
        self.in_flight = 0
        """Executions claimed and not yet settled."""

    def __len__(self) -> int:
        return len(self._by_token)

    def __contains__(self, held: Held) -> bool:
        return held.piece.token in self._by_token

    def add(self, held: Held) -> None:
        self._by_token[held.piece.token] = held
        self.in_flight += held.left

    def get(self, token: int) -> Held | None:
        return self._by_token.get(token)

    def all(self) -> list[Held]:
        """A copy, from any thread."""
        return list(self._by_token.values())

    def settled(self, held: Held, count: int) -> None:
        """`count` of its items are settled; the slice goes with the last one."""
        if held not in self:
            return
        self.in_flight -= count
        held.unsettled -= count
        if not held.unsettled:
            self._remove(held)

    def lose(self, held: Held) -> None:
        if held in self:
            self.in_flight -= held.unsettled
            if self._meter is not None:
                self._meter.lost(held.piece, held.unsettled)
            self._remove(held)
            held.lose()

    def _remove(self, held: Held) -> None:
        del self._by_token[held.piece.token]
        self._changed()
