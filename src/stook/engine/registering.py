"""What a program's tasks are told to the store as: policy, schedules, subscriptions, under a digest of all of it."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, assert_never

import msgspec

from stook.core.errors import ConfigError
from stook.core.lanes import is_function, keys_of
from stook.core.payload import encode
from stook.core.triggers import Cron, Invocable, On, OnRow
from stook.engine.catalogue import SEEN
from stook.engine.row_triggers import install_triggers, watched_by
from stook.store.script.register import Deployment, Registered, Said, forget_deployment, register
from stook.store.script.schedule_row import NewSchedule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.core.triggers import Trigger
    from stook.engine.catalogue import TaskEntry
    from stook.store.port import Store

__all__ = ["Registrar", "said_of"]

log = logging.getLogger("stook.engine")


class Registrar:
    """Of one worker, with the tasks that it works on. `known` are the names of all tasks that the code of `app` has.
    `own`: the worker takes the work of the project alone."""

    def __init__(
        self,
        store: Store,
        project: str,
        *,
        app: str,
        worker: str,
        tasks: Sequence[Said],
        known: Iterable[str],
        own: bool = False,
    ) -> None:
        self._store = store
        self._told = Deployment(
            project=project,
            app=app,
            worker=worker,
            tasks=sorted(tasks, key=lambda one: one.task),
            known=tuple(known),
            own=own,
        )

    async def register(self) -> Registered:
        """Twice is once. Where a newer program's worker is alive, that program decides, and this changes nothing.
        `ConfigError` for a table or column that is not there, `UnsupportedByBackend` for rows of SQLite."""
        await install_triggers(self._store, watched_by(row for one in self._told.tasks for row in one.subscriptions))
        return self._say(await self._store.write(register, self._told, SEEN))

    async def beat(self) -> Registered:
        """That the worker is alive; it decides now if all with a newer program are gone."""
        return self._say(await self._store.write(register, self._told, SEEN, anew=False))

    async def forget(self) -> None:
        """The worker has ended. What was registered stays."""
        await self._store.write(forget_deployment, self._told.worker)

    def _say(self, done: Registered) -> Registered:
        for task, name in done.kept:
            log.warning("schedule %r of task %r was made at run time and stays; the code has another", name, task)
        for task in done.gone:
            log.info("task %r is no more in the code of %r: its triggers are gone", task, self._told.app)
        return done


def said_of(entry: TaskEntry, triggers: Sequence[Trigger]) -> Said:
    """`ConfigError` for a task kept apart by a function, which whoever emits or ticks does not know."""
    policy = msgspec.json.encode(entry.policy).decode()
    started = [one for one in triggers if not isinstance(one, Invocable)]
    for key in keys_of(entry.policy):
        if started and is_function(key):
            raise ConfigError(
                f"task {entry.name!r} has triggers and a key that is a function, {key[1:-1]}",
                hint="make the key a path into the payload: events and schedules are seen to by other programs, too",
            )
    schedules: list[NewSchedule] = []
    subscriptions: list[tuple[str, str, str | None, str | None, str | None]] = []
    for one in triggers:
        match one:
            case Cron():
                schedules.append(_schedule(one, policy))
            case On():
                subscriptions.append(("event", one.event, None, *_filter(one, one.fields)))
            case OnRow():
                subscriptions.append(("row", one.table, ",".join(one.ops), *_filter(one, one.columns)))
            case Invocable():
                pass
            case unknown:
                assert_never(unknown)
    said = Said(
        task=entry.name,
        queue=entry.queue,
        policy=policy,
        schema=entry.schema,
        schedules=schedules,
        subscriptions=subscriptions,
        invocable=not triggers or len(started) < len(triggers),
    )
    digest = hashlib.blake2b(msgspec.msgpack.encode(said), digest_size=16).hexdigest()
    return msgspec.structs.replace(said, program=digest)


def _schedule(cron: Cron, policy: str) -> NewSchedule:
    return NewSchedule(
        name=cron.name,
        expr=cron.expr,
        tz=cron.tz,
        payload=encode(cron.payload),
        priority=cron.priority,
        missed=cron.missed,
        overlap=cron.overlap,
        policy=policy,
    )


def _filter(one: On | OnRow, keys: Sequence[str] | None) -> tuple[str | None, str | None]:
    return (
        None if one.when is None else one.when.encode(),
        None if keys is None else msgspec.json.encode(keys).decode(),
    )
