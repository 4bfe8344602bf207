"""How fast a batch goes: over the last looks where there were some, else over its whole life."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.script.read.batch_view import BatchView

__all__ = ["Paces"]

_MOST: Final = 2000
_WINDOW: Final = 30_000_000
_SHORTEST: Final = 500_000
"""Microseconds between two looks that count."""


class Paces:
    """A few looks at each of the batches that were looked at last."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._looks: OrderedDict[bytes, deque[tuple[int, int]]] = OrderedDict()

    def rate(self, view: BatchView) -> float | None:
        """Outcomes a second."""
        if view.started_at is None or not view.settled:
            return None
        if view.finished_at is not None:
            self._looks.pop(view.id, None)
            return _quotient(view.settled, view.finished_at - view.started_at)
        now = self._clock()
        looks = self._looks.setdefault(view.id, deque())
        self._looks.move_to_end(view.id)
        if len(self._looks) > _MOST:
            self._looks.popitem(last=False)
        if not looks or now - looks[-1][0] >= _SHORTEST:
            looks.append((now, view.settled))
        while len(looks) > 1 and now - looks[1][0] >= _WINDOW:
            looks.popleft()
        first_at, first = looks[0]
        if now - first_at >= _SHORTEST:
            return _quotient(view.settled - first, now - first_at)
        return _quotient(view.settled, now - view.started_at)


def _quotient(count: int, span: int) -> float | None:
    return None if span <= 0 else round(count * 1_000_000 / span, 3)
