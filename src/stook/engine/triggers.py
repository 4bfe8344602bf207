"""Events and schedules of a project."""

from __future__ import annotations

import uuid
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import ConfigError, OptionError, PayloadTooLarge
from stook.core.payload import decode
from stook.core.schedule import Schedule, moment
from stook.core.triggers import Cron
from stook.engine.acting import Acting
from stook.engine.names import check_name, check_task
from stook.engine.recording import write_recorded
from stook.engine.ticking import new_ids
from stook.store.script.emit import KEPT, Emission, emit
from stook.store.script.schedule_row import NewSchedule, ScheduleRow
from stook.store.script.schedules import (
    list_schedules,
    pause_schedule,
    put_schedule,
    remove_schedule,
    resume_schedule,
)

if TYPE_CHECKING:
    from stook.core.cron import Missed, Overlap
    from stook.engine.blobs import Blobs
    from stook.engine.publishing import Publishing
    from stook.engine.recording import Recording
    from stook.store.port import Store

__all__ = ["Triggering", "emitted_id", "new_schedule", "shown"]

PAGE = 1000


class Triggering(Acting):
    """Twice is once, but for `emit`, whose every call is an event of its own."""

    def __init__(self, store: Store, blobs: Blobs, project: str) -> None:
        super().__init__(store, blobs, project)
        self.trigger_ids = new_ids()
        self.publishing: Publishing | None = None
        """Set by whoever made it, where submissions are traced."""
        self.events_kept = KEPT
        """Microseconds for which events are kept for those who come to wait for them."""

    async def emit(self, name: str, payload: bytes, *, trace: str | None = None, event_id: bytes | None = None) -> str:
        """The event's id. The event and an execution for each subscription that it matches are there when this
        returns, or none of it; an `event_id` that is there already is not emitted again. `trace` as in
        `core.work.Slice`; None: of the caller, where submissions are traced."""
        made = self.new_emission(name, payload, trace=trace, event_id=event_id)
        published = nullcontext() if trace is not None or self.publishing is None else self.publishing(name)
        with published as found:
            if found is not None:
                made = msgspec.structs.replace(made, trace=found.trace)
            count = await self.store.write(emit, made, self.trigger_ids)
            if found is not None:
                found.stored(emitted_id(made), count)
        return emitted_id(made)

    def new_emission(
        self, name: str, payload: bytes, *, trace: str | None = None, event_id: bytes | None = None
    ) -> Emission:
        """Checked: `OptionError`, `PayloadTooLarge`."""
        check_name("the name of an event", name)
        if len(payload) > self.blobs.most:
            raise PayloadTooLarge(len(payload), self.blobs.most)
        return Emission(
            id=event_id or self.trigger_ids(),
            project=self.project,
            name=name,
            payload=payload,
            trace=trace,
            kept=self.events_kept,
        )

    async def schedule(self, task: str, new: NewSchedule, *, by: Recording | None = None) -> Schedule:
        """The same name replaces what stood under it; `Conflict` for one that stands in the task's code."""
        check_task(task)
        if len(new.payload) > self.blobs.most:
            raise PayloadTooLarge(len(new.payload), self.blobs.most)
        act = partial(put_schedule, self.project, task, new)
        return shown(await write_recorded(self.store, by, act, affected=_one, returns=ScheduleRow))

    async def unschedule(
        self, task: str, name: str, *, cancel_running: bool = True, by: Recording | None = None
    ) -> bool:
        """No tick comes any more; what it started is cancelled, running executions only with `cancel_running`. False:
        there was none."""
        act = partial(remove_schedule, self._key(task, name), cancel_running=cancel_running)
        return await write_recorded(self.store, by, act, affected=int, returns=bool)

    async def schedules(self, task: str | None = None) -> list[Schedule]:
        """By task and name."""
        found: list[ScheduleRow] = []
        after = ("", "")
        while True:
            page = await self.store.read(list_schedules, self.project, task, after=after, limit=PAGE)
            found += page
            if len(page) < PAGE:
                return [shown(row) for row in found]
            after = (page[-1].task, page[-1].name)

    async def pause_schedule(self, task: str, name: str, *, by: Recording | None = None) -> Schedule:
        """Its ticks pass until it is resumed; `NotFound`."""
        act = partial(pause_schedule, self._key(task, name))
        return shown(await write_recorded(self.store, by, act, affected=_one, returns=ScheduleRow))

    async def resume_schedule(self, task: str, name: str, *, by: Recording | None = None) -> Schedule:
        """It goes on with the next tick from now; `NotFound`."""
        act = partial(resume_schedule, self._key(task, name))
        return shown(await write_recorded(self.store, by, act, affected=_one, returns=ScheduleRow))

    def _key(self, task: str, name: str) -> tuple[str, str, str]:
        check_task(task)
        check_name("the name of a schedule", name)
        return self.project, task, name


def _one(_: ScheduleRow) -> int:
    return 1


def emitted_id(event: Emission) -> str:
    return str(uuid.UUID(bytes=event.id))


def new_schedule(
    name: str,
    cron: str,
    payload: bytes,
    *,
    tz: str = "UTC",
    priority: int = 0,
    missed: Missed = "one",
    overlap: Overlap = "allow",
    policy: str | None = None,
) -> NewSchedule:
    """`OptionError` says what cannot be."""
    try:
        check_name("the name of a schedule", name)
        Cron(cron, name=name, tz=tz, priority=priority, missed=missed, overlap=overlap)
    except ConfigError as error:
        raise OptionError(error.message, hint=error.hint) from None
    return NewSchedule(
        name=name, expr=cron, tz=tz, payload=payload, priority=priority, missed=missed, overlap=overlap, policy=policy
    )


def shown(row: ScheduleRow) -> Schedule:
    return Schedule(
        task=row.task,
        name=row.name,
        cron=row.expr,
        tz=row.tz,
        payload=decode(row.payload),
        priority=row.priority,
        missed=row.missed,
        overlap=row.overlap,
        static=bool(row.static),
        paused=bool(row.paused),
        next_at=None if row.paused else moment(row.next_at),
        last_at=None if row.last_at is None else moment(row.last_at),
        last_id=row.last_execution,
        owed=row.owed,
        skipped=row.skipped,
        trouble=row.trouble,
    )
