"""Whose a batch is: ids can be guessed, so a stranger's batch must look like one that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.errors import NotFound
from stook.core.ids import batch_of, execution_id, parse_id
from stook.store.script.read.batch_view import show_batch

if TYPE_CHECKING:
    from stook.store.port import Store

__all__ = ["Owned"]

MOST: Final = 10_000
"""Batches whose project is remembered: it never changes."""


class Owned:
    """The batches of one project."""

    def __init__(self, store: Store, project: str) -> None:
        self._store = store
        self._project = project
        self._ours: dict[bytes, None] = {}

    async def batch(self, text: str) -> bytes:
        """The id of a batch of this project, or of one of its executions' batch; `NotFound` for everybody else's."""
        batch_id = batch_of(parse_id(text))
        if batch_id not in self._ours:
            view = await self._store.read(show_batch, batch_id)
            if view.project != self._project:
                raise NotFound(
                    f"no such batch: {execution_id(batch_id, 0)}", hint="`stook batches` lists those there are"
                )
            self.remember(batch_id)
        return batch_id

    def remember(self, batch_id: bytes) -> None:
        """It is known to be of this project."""
        if len(self._ours) >= MOST:
            del self._ours[next(iter(self._ours))]
        self._ours[batch_id] = None
