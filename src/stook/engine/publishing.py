"""Who traces submissions: told of each one, asked for the trace that is stored with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["Published", "Publishing"]


class Published(Protocol):
    @property
    def trace(self) -> str | None:
        """W3C context as JSON, stored with the batch; None where nothing is recorded."""
        ...

    def stored(self, made_id: str, items: int | None) -> None:
        """Of the batch or the execution that it became. `items` None: they follow."""
        ...


class Publishing(Protocol):
    def __call__(self, task: str) -> AbstractContextManager[Published | None]:
        """Open while the submission is written; None: nobody traces."""
        ...
