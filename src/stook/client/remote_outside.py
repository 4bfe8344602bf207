"""What handlers of a worker afar ask of the rest of stook, over its server: `stook.worker.outside.Outside`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.errors import UnsupportedByBackend
from stook.wire.outside import AskOutside, CancelExecution, Done, DropSchedule, EmitEvent, PutSchedule
from stook.wire.work import unpack

if TYPE_CHECKING:
    from stook.client.remote_source import RemoteSource
    from stook.core.cron import Missed, Overlap
    from stook.wire.outside import Asked

__all__ = ["RemoteOutside"]


class RemoteOutside:
    """With the key, and in the project, of the worker: its server knows which. An answer that was lost is an error, for
    what was asked may have been done: ask in a step that retries."""

    def __init__(self, source: RemoteSource) -> None:
        self._source = source

    async def emit(self, project: str, name: str, payload: bytes, *, trace: str | None) -> str:  # noqa: ARG002
        made = await self._ask(EmitEvent(name=name, payload=payload, trace=trace))
        return made.id or ""

    async def cancel(self, project: str, execution_id: str, *, reason: str, cancel_children: bool) -> bool:  # noqa: ARG002
        return (await self._ask(CancelExecution(execution=execution_id, reason=reason, children=cancel_children))).done

    async def schedule(
        self,
        project: str,  # noqa: ARG002
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
        await self._ask(
            PutSchedule(
                task=task,
                name=name,
                cron=cron,
                payload=payload,
                tz=tz,
                priority=priority,
                missed=missed,
                overlap=overlap,
            )
        )

    async def unschedule(self, project: str, task: str, name: str, *, cancel_running: bool) -> bool:  # noqa: ARG002
        return (await self._ask(DropSchedule(task=task, name=name, cancel_running=cancel_running))).done

    async def _ask(self, asked: Asked) -> Done:
        try:
            return unpack(await self._source.ask("outside", AskOutside(asked)), Done)
        except LookupError:
            raise UnsupportedByBackend(
                f"the server at {self._source.server} cannot do that for workers", hint="it is older than this worker"
            ) from None
