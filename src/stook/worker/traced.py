"""A slice whose attempts are traced. Others are plain `Held`: they pay nothing for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stook.worker.held import Held

if TYPE_CHECKING:
    from stook.worker.source import Trouble
    from stook.worker.spans import SliceSpans

__all__ = ["TracedHeld"]


class TracedHeld(Held):
    __slots__ = ("_spans", "_told")

    def __init__(self, spans: SliceSpans, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.plain = False
        self._spans = spans
        self._told = -1
        """The offset that an outcome was told of last."""

    def begin(self, offset: int, payload: Any) -> Any:
        self._spans.begin(offset)
        return super().begin(offset, payload)

    def trouble(self, trouble: Trouble) -> None:
        self._told = trouble.offset
        self._spans.end(trouble.offset, trouble, trouble.duration * 1000)
        super().trouble(trouble)

    def conclude(
        self, offset: int, ended: bytes | Trouble | BaseException, nanoseconds: int, *, cut: bool = False
    ) -> None:
        self._told = -1
        super().conclude(offset, ended, nanoseconds, cut=cut)
        if self._told != offset:
            self._spans.end(offset, None, nanoseconds)

    def drop(self, offset: int) -> None:
        self._spans.end(offset, None, 0)
        super().drop(offset)
