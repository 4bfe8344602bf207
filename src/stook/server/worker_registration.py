"""What a remote worker says of its tasks, registered as a local one's is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import ConfigError, OptionError, PayloadError
from stook.core.payload import decode
from stook.core.triggers import Cron, Invocable, On
from stook.core.webhook_events import INTERNAL_TASK
from stook.core.when import Condition
from stook.engine.catalogue import TaskEntry
from stook.engine.registering import Registrar, said_of
from stook.wire.work import SeeCron

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.triggers import Trigger
    from stook.store.port import Store
    from stook.wire.work import SeeOn, SeeTask, SeeWorker

__all__ = ["register_seen"]


async def register_seen(store: Store, project: str, worker: str, seen: SeeWorker) -> None:
    """At the start of a worker and at each sign of life; `OptionError` for a trigger that cannot be."""
    apps: dict[str, list[SeeTask]] = {}
    for one in seen.tasks:
        if not one.name.startswith(INTERNAL_TASK):
            apps.setdefault(one.app, []).append(one)
    for app, tasks in apps.items():
        said = [said_of(TaskEntry(one.name, one.queue, one.policy, one.schema), _triggers(one)) for one in tasks]
        registrar = Registrar(store, project, app=app, worker=worker, tasks=said, known=seen.known, own=True)
        await registrar.beat()


def _triggers(task: SeeTask) -> Sequence[Trigger]:
    made: list[Trigger] = [Invocable()] if task.invocable else []
    try:
        return [*made, *(_trigger(one) for one in task.triggers)]
    except (ConfigError, PayloadError) as error:
        raise OptionError(f"task {task.name!r}: {error.message}", hint=error.hint) from None
    except (msgspec.MsgspecError, RecursionError) as error:
        raise OptionError(f"task {task.name!r}: when= of a trigger cannot be read: {error}") from None


def _trigger(one: SeeCron | SeeOn) -> Trigger:
    if isinstance(one, SeeCron):
        return Cron(
            one.expr,
            name=one.name,
            tz=one.tz,
            payload=decode(one.payload),
            priority=one.priority,
            missed=one.missed,
            overlap=one.overlap,
        )
    return On(one.event, when=None if one.when is None else Condition.decode(one.when), fields=one.fields)
