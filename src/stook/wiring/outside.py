"""What handlers of this process ask of the rest of stook, on the store that their worker works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.errors import NotFound, UnknownTask
from stook.core.ids import batch_of, index_of, parse_id
from stook.engine.catalogue import Catalogue
from stook.engine.triggers import Triggering, new_schedule
from stook.store.script.batch_row import read_batch
from stook.store.script.cancel_executions import cancel_executions

if TYPE_CHECKING:
    from stook.core.cron import Missed, Overlap
    from stook.wiring.session import Session

__all__ = ["LocalOutside"]


class LocalOutside:
    """Implements `stook.worker.outside.Outside`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def emit(self, project: str, name: str, payload: bytes, *, trace: str | None) -> str:
        return await self._of(project).emit(name, payload, trace=trace)

    async def cancel(self, project: str, execution_id: str, *, reason: str, cancel_children: bool) -> bool:
        try:
            raw = parse_id(execution_id)
            row = await self._session.store.read(read_batch, batch_of(raw))
            if row.project != self._of(project).project:
                return False
            asked = await self._session.store.write(
                cancel_executions, row.id, [index_of(raw)], reason=reason, children=cancel_children
            )
        except NotFound:
            return False
        return bool(asked)

    async def schedule(
        self,
        project: str,
        task: str,
        name: str,
        cron: str,
        payload: bytes,
        *,
        tz: str,
        priority: int,
        missed: Missed,
        overlap: Overlap,
    ) -> None:
        new = new_schedule(name, cron, payload, tz=tz, priority=priority, missed=missed, overlap=overlap)
        of = self._of(project)
        try:
            await Catalogue(self._session.store, of.project).find(task)
        except NotFound as error:
            raise UnknownTask(error.message, hint=error.hint) from None
        await of.schedule(task, new)

    async def unschedule(self, project: str, task: str, name: str, *, cancel_running: bool) -> bool:
        return await self._of(project).unschedule(task, name, cancel_running=cancel_running)

    def _of(self, project: str) -> Triggering:
        engine = self._session.engine
        if project in ("", engine.project):
            return engine
        other = Triggering(self._session.store, engine.blobs, project)
        other.events_kept = engine.events_kept
        return other
