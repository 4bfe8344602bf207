"""What a program tells the store of its tasks before it works for them, and while it does."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from stook.core.errors import StoreError
from stook.core.triggers import OnRow
from stook.engine.registering import Registrar, said_of
from stook.engine.row_triggers import install_triggers
from stook.store.script.row_watch import Watched
from stook.wiring.task_entry import entry_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from stook.wiring.session import Session
    from stook.worker.definition import Home, TaskDefinition

__all__ = ["registered"]

HEARTBEAT: Final = 10.0
"""Seconds between two signs of life."""


@contextlib.asynccontextmanager
async def registered(session: Session, worker: str, tasks: Mapping[str, TaskDefinition]) -> AsyncIterator[None]:
    """Policies, schedules and subscriptions of the tasks are in the store when the context opens; meanwhile the worker
    is known to have them. Registering the same again changes nothing."""
    homes: dict[Home | None, list[str]] = {}
    for name, task in tasks.items():
        homes.setdefault(task.home, []).append(name)
    registrars = [
        _registrar(session, worker, home, {name: tasks[name] for name in names}) for home, names in homes.items()
    ]
    for name, task in tasks.items():
        if task.triggers:
            await session.engine.quotas.declare(name, task.policy.max_concurrency)
    rows = [one for task in tasks.values() for one in task.triggers if isinstance(one, OnRow)]
    await install_triggers(session.store, [Watched(one.table, one.columns) for one in rows])
    for registrar in registrars:
        await registrar.register()
    beat = asyncio.create_task(_beat(registrars), name="stook-registration")
    try:
        yield
    finally:
        beat.cancel()
        await asyncio.gather(beat, return_exceptions=True)
        with contextlib.suppress(StoreError):
            for one in registrars[:1]:  # all of the worker's
                await one.forget()


def _registrar(session: Session, worker: str, home: Home | None, tasks: Mapping[str, TaskDefinition]) -> Registrar:
    return Registrar(
        session.store,
        session.settings.project,
        app="" if home is None else home.app,
        worker=worker,
        tasks=[said_of(entry_of(name, task), task.triggers) for name, task in tasks.items()],
        known=() if home is None else home.tasks(),
    )


async def _beat(registrars: Sequence[Registrar]) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT)
        with contextlib.suppress(StoreError):
            for one in registrars:
                await one.beat()
