"""What starts tasks beside invocations: schedules and events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.errors import NotFound, PayloadError, PayloadTooLarge, PayloadValidationError, UnknownTask
from stook.core.payload import encode
from stook.wiring.definitions import EventDef
from stook.wiring.opening import Opening

if TYPE_CHECKING:
    from stook.core.cron import Missed, Overlap
    from stook.core.schedule import Schedule
    from stook.store.script.emit import Emission
    from stook.store.script.schedule_row import NewSchedule
    from stook.wiring.definitions import TaskDef
    from stook.wiring.session import Session
    from stook.wiring.task import Task

    AnyTask = Task[..., Any, Any] | TaskDef | str

__all__ = ["BlockingScheduling", "Scheduling"]


class Scheduling(Opening):
    """Coroutines of `App`. With `connection=`, a connection of the caller's, what is asked for belongs to the
    transaction under way there, and is gone with it if it is rolled back."""

    async def emit(self, event: EventDef | str, payload: Any = None, *, connection: Any = None) -> str:
        """The event's id. The event, and an execution of each task that listens to it, are durable when this returns;
        nobody has to listen. The payload is checked where an `EventDef` of the name is known:
        `PayloadValidationError`."""
        session, portal = self.opened()
        raw = self._event_payload(event, payload)
        if connection is None:
            return await portal.await_(session.triggers.emit(_name_of(event), raw))
        from stook.store.script.emit import emit  # noqa: PLC0415 - loaded with the store

        made = session.engine.new_emission(_name_of(event), raw)
        await session.foreign(connection).write(emit, made, session.engine.trigger_ids)
        return _id_of(made)

    async def schedule(
        self,
        task: AnyTask,
        name: str,
        cron: str,
        payload: Any = None,
        *,
        tz: str = "UTC",
        priority: int = 0,
        missed: Missed = "one",
        overlap: Overlap = "allow",
        connection: Any = None,
    ) -> Schedule:
        """Runs the task at the times of `cron`, from now on, until `unschedule`; `Cron` says what the rest means. The
        same name overwrites; `Conflict` for the name of a schedule that stands in the task's code."""
        session, portal = self.opened()
        new = self._new_schedule(task, name, cron, payload, tz=tz, priority=priority, missed=missed, overlap=overlap)
        await portal.await_(self._check_known(session, _name_of(task)))
        if connection is None:
            return await portal.await_(session.triggers.schedule(_name_of(task), new))
        from stook.engine.triggers import shown  # noqa: PLC0415 - loaded with the store
        from stook.store.script.schedules import put_schedule  # noqa: PLC0415

        project = session.engine.project
        return shown(await session.foreign(connection).write(put_schedule, project, _name_of(task), new))

    async def unschedule(
        self, task: AnyTask, name: str, *, cancel_running: bool = True, connection: Any = None
    ) -> bool:
        """No tick comes any more. What the schedule started and has not begun is cancelled, and with `cancel_running`
        what runs is stopped. False: there is no such schedule."""
        session, portal = self.opened()
        if connection is None:
            return await portal.await_(session.triggers.unschedule(_name_of(task), name, cancel_running=cancel_running))
        from stook.store.script.schedules import remove_schedule  # noqa: PLC0415 - loaded with the store

        key = (session.engine.project, _name_of(task), name)
        return await session.foreign(connection).write(remove_schedule, key, cancel_running=cancel_running)

    async def schedules(self, task: AnyTask | None = None) -> list[Schedule]:
        """Those in code and those made at run time, by task and name."""
        session, portal = self.opened()
        return await portal.await_(session.triggers.schedules(None if task is None else _name_of(task)))

    async def pause_schedule(self, task: AnyTask, name: str) -> Schedule:
        """Its ticks pass until it is resumed, also when its program starts again. `NotFound`."""
        session, portal = self.opened()
        return await portal.await_(session.triggers.pause_schedule(_name_of(task), name))

    async def resume_schedule(self, task: AnyTask, name: str) -> Schedule:
        """It goes on with the next tick from now. `NotFound`."""
        session, portal = self.opened()
        return await portal.await_(session.triggers.resume_schedule(_name_of(task), name))

    async def remove_triggers(self) -> list[str]:
        """Takes stook's triggers off all tables that tasks listened to; their names. They come back when a worker with
        an `OnRow` starts."""
        from stook.engine.row_triggers import remove_triggers  # noqa: PLC0415 - loaded with the store

        session, portal = self.opened()
        return await portal.await_(remove_triggers(session.store))

    # ------------------------------------------------------------------------------------------------------ parts

    def _event_payload(self, event: EventDef | str, payload: Any) -> bytes:
        known = event if isinstance(event, EventDef) else self.events.get(event)
        return _checked(None if known is None else known.payload, payload, f"event {_name_of(event)!r}")

    def _new_schedule(self, task: AnyTask, name: str, cron: str, payload: Any, **options: Any) -> NewSchedule:
        from stook.engine.triggers import new_schedule  # noqa: PLC0415 - loaded with the store

        there = self.tasks.get(_name_of(task))
        defined = self.definitions.get(_name_of(task)) if isinstance(task, str) else task
        kind = getattr(defined, "payload", None)
        policy = None
        if there is not None:
            parameters = there.definition().parameters
            kind = None if payload is None else parameters.payload  # a tick without a payload has none
            policy = msgspec.json.encode(there.policy).decode()
        raw = _checked(kind, payload, f"task {_name_of(task)!r}")
        return new_schedule(name, cron, raw, policy=policy, **options)

    async def _check_known(self, session: Session, task: str) -> None:
        """`UnknownTask` for a name that neither this program nor any worker has told of."""
        if session.is_remote or task in self.tasks or task in self.definitions:
            return  # a server says it itself
        from stook.engine.catalogue import Catalogue  # noqa: PLC0415 - loaded with the store
        from stook.engine.names import check_task  # noqa: PLC0415

        check_task(task)
        try:
            await Catalogue(session.store, session.engine.project).find(task)
        except NotFound as error:
            raise UnknownTask(error.message, hint=error.hint) from None


class BlockingScheduling:
    """The same, of `App.sync`."""

    _app: Any

    def __init__(self, app: Scheduling) -> None:
        self._app = app

    def emit(self, event: EventDef | str, payload: Any = None, *, connection: Any = None) -> str:
        """`Scheduling.emit`, blocking."""
        app: Scheduling = self._app
        session, portal = app.opened()
        raw = app._event_payload(event, payload)  # noqa: SLF001 - its twin
        if connection is None:
            return portal.call(session.triggers.emit(_name_of(event), raw))
        from stook.store.script.emit import emit  # noqa: PLC0415 - loaded with the store

        made = session.engine.new_emission(_name_of(event), raw)
        session.foreign(connection).write_blocking(emit, made, session.engine.trigger_ids)
        return _id_of(made)

    def schedule(
        self,
        task: AnyTask,
        name: str,
        cron: str,
        payload: Any = None,
        *,
        tz: str = "UTC",
        priority: int = 0,
        missed: Missed = "one",
        overlap: Overlap = "allow",
        connection: Any = None,
    ) -> Schedule:
        """`Scheduling.schedule`, blocking."""
        app: Scheduling = self._app
        session, portal = app.opened()
        new = app._new_schedule(  # noqa: SLF001 - its twin
            task, name, cron, payload, tz=tz, priority=priority, missed=missed, overlap=overlap
        )
        portal.call(app._check_known(session, _name_of(task)))  # noqa: SLF001
        if connection is None:
            return portal.call(session.triggers.schedule(_name_of(task), new))
        from stook.engine.triggers import shown  # noqa: PLC0415 - loaded with the store
        from stook.store.script.schedules import put_schedule  # noqa: PLC0415

        project = session.engine.project
        return shown(session.foreign(connection).write_blocking(put_schedule, project, _name_of(task), new))

    def unschedule(self, task: AnyTask, name: str, *, cancel_running: bool = True, connection: Any = None) -> bool:
        """`Scheduling.unschedule`, blocking."""
        session, portal = self._app.opened()
        if connection is None:
            found: bool = portal.call(session.triggers.unschedule(_name_of(task), name, cancel_running=cancel_running))
            return found
        from stook.store.script.schedules import remove_schedule  # noqa: PLC0415 - loaded with the store

        key = (session.engine.project, _name_of(task), name)
        removed: bool = session.foreign(connection).write_blocking(remove_schedule, key, cancel_running=cancel_running)
        return removed

    def schedules(self, task: AnyTask | None = None) -> list[Schedule]:
        """`Scheduling.schedules`, blocking."""
        session, portal = self._app.opened()
        found: list[Schedule] = portal.call(session.triggers.schedules(None if task is None else _name_of(task)))
        return found

    def pause_schedule(self, task: AnyTask, name: str) -> Schedule:
        """`Scheduling.pause_schedule`, blocking."""
        session, portal = self._app.opened()
        found: Schedule = portal.call(session.triggers.pause_schedule(_name_of(task), name))
        return found

    def resume_schedule(self, task: AnyTask, name: str) -> Schedule:
        """`Scheduling.resume_schedule`, blocking."""
        session, portal = self._app.opened()
        found: Schedule = portal.call(session.triggers.resume_schedule(_name_of(task), name))
        return found

    def remove_triggers(self) -> list[str]:
        """`Scheduling.remove_triggers`, blocking."""
        from stook.engine.row_triggers import remove_triggers  # noqa: PLC0415 - loaded with the store

        session, portal = self._app.opened()
        found: list[str] = portal.call(remove_triggers(session.store))
        return found


def _name_of(named: Any) -> str:
    """What is no text is refused by the engine."""
    return named if isinstance(named, str) else getattr(named, "name", named)


def _id_of(made: Emission) -> str:
    from stook.engine.triggers import emitted_id  # noqa: PLC0415 - loaded with the store

    return emitted_id(made)


def _checked(kind: Any, payload: Any, whose: str) -> bytes:
    """As JSON; `PayloadValidationError` for what is no `kind` (None: anything is)."""
    try:
        raw = encode(payload)
    except PayloadTooLarge:
        raise
    except PayloadError as error:
        raise PayloadValidationError(error.message, where=whose, hint=error.hint) from None
    if kind is None or kind is Any:
        return raw
    from stook.worker.conversion import PayloadReader  # noqa: PLC0415 - loaded with the worker
    from stook.worker.failures import PayloadValidationError as Unreadable  # noqa: PLC0415

    try:
        PayloadReader(kind).read(raw)
    except Unreadable as error:
        raise PayloadValidationError(error.message, where=whose) from None
    return raw
