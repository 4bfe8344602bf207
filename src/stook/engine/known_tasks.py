"""The tasks that submissions name, at hand: every one of them asks, and they change when workers are deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.triggers import not_invocable
from stook.engine.kept import Kept

if TYPE_CHECKING:
    from stook.engine.catalogue import Catalogue, TaskView
    from stook.store.port import Store

__all__ = ["KnownTasks"]

SECONDS: Final = 1.0


class KnownTasks:
    """As the catalogue had them at most a second ago; what changes in this process is heard of at once, and so is a
    task that was not there. How many workers know one is not to be asked here."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._kept: Kept[str, TaskView] = Kept(store, "tasks", catalogue.find, seconds=SECONDS)

    async def find(self, name: str) -> TaskView:
        """`NotFound` as from the catalogue; `NotInvocable` of a task that its triggers alone start."""
        found = await self._kept.get(name)
        assert found is not None
        if not found.invocable:
            raise not_invocable(name)
        return found

    async def close(self) -> None:
        await self._kept.close()
