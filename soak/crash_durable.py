"""Crash points of executions that remember and wait, and of what starts executions by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec

from soak.crash_place import DOOMED, NEXT, OTHER, Place
from soak.crash_point import CrashPoint, point
from stook.core.memo import Memo
from stook.core.policy import TaskPolicy
from stook.core.wait import ChildCall, EventWait, Wait
from stook.core.work import Remember
from stook.engine.catalogue import SEEN
from stook.engine.ticking import new_ids
from stook.store.script.emit import Emission, emit
from stook.store.script.errands import run_errands
from stook.store.script.register import Deployment, Said, register
from stook.store.script.remember import remember
from stook.store.script.schedule_row import NewSchedule, save_schedules
from stook.store.script.schedules import put_schedule, remove_schedule
from stook.store.script.settle import settle
from stook.store.script.sweep import lose_workers
from stook.store.script.tick import tick_schedules
from stook.store.script.wake import wake_due

if TYPE_CHECKING:
    from stook.core.work import Slice

__all__ = ["DURABLE"]

_CHILD: Final = "crash.child"
_TICKED: Final = "crash.ticked"
_LISTENER: Final = "crash.listener"
_EVENT: Final = "crash.event"
_NAP: Final = 0.02
_STEP: Final = Memo("charged", "step", b"1")
_POLICY: Final = msgspec.json.encode(TaskPolicy()).decode()
_nothing_waits: Final = tuple((f"select count(*) from {table}", 0) for table in ("suspension", "wait", "errand"))


def _remembered(count: int, key: str = "charged") -> tuple[str, object]:
    return f"select count(*) from memo where key = '{key}'", count


async def _submitted(place: Place) -> None:
    await place.submitted()


# ------------------------------------------------------------------------------------------------------------- steps


async def _remember(place: Place, slices: list[Slice], value: bytes) -> bool:
    """The batch's first item has done a step; False if it is in none of these."""
    for one in slices:
        if one.first == 0 and 0 in one.offsets:
            memo = Memo("charged", "step", value)
            await place.write(remember, [Remember(one.token, one.batch_id, 0, [memo], lease=60.0)])
            return True
    return False


async def _remembering(place: Place) -> None:
    await _remember(place, await place.take(3), b"1")


async def _remember_again(place: Place) -> None:
    """Whoever has the item next finds the step, or does it: another value under the same key changes nothing."""
    await place.write(lose_workers, [DOOMED])
    while slices := await place.take(6, worker=NEXT):
        there = [memo for one in slices if one.first == 0 for memo in one.memos.get(0, ())]
        if await _remember(place, slices, b"2") and there:
            assert there == [_STEP]
        await place.settle(slices)


# ------------------------------------------------------------------------------------------------------------- waits


async def _suspend(place: Place, wait: Wait) -> None:
    """The first three of the batch wait, having done a step each."""
    slices = await place.take(3)
    waiting = [place.trouble("suspended", offset, waits=[wait], memos=[_STEP]) for offset in range(3)]
    await place.settle(slices, troubles=waiting)


def _suspending(wait: Wait) -> Any:
    async def act(place: Place) -> None:
        await _suspend(place, wait)

    return act


def _suspended(wait: Wait, *, due: bool = False) -> Any:
    async def prepare(place: Place) -> None:
        await place.submitted()
        await _suspend(place, wait)
        if due:
            await asyncio.sleep(_NAP)

    return prepare


_sleep: Final = Wait("nap", "sleep", seconds=_NAP)
_child: Final = Wait("child", "child", child=ChildCall(_CHILD, b"7", policy=_POLICY))
_event: Final = Wait("paid", "event", event=EventWait(_EVENT, b'{"order":7}'))


async def _children_end(place: Place) -> None:
    """Of as many as there are, whoever had them before."""
    await place.write(lose_workers, [DOOMED])
    while slices := await place.take(100, worker=NEXT, task=_CHILD):
        await place.settle(slices)


async def _ending_children(place: Place) -> None:
    await place.settle(await place.take(100, task=_CHILD))


async def _children_ended(place: Place) -> None:
    await _suspended(_child)(place)
    await _ending_children(place)


async def _running_errands(place: Place) -> None:
    await place.write(run_errands)


async def _waking(place: Place) -> None:
    await place.write(wake_due)


async def _emitting(place: Place) -> None:
    """By the same id however often."""
    project = place.session.settings.project
    await place.write(emit, Emission(id=OTHER, project=project, name=_EVENT, payload=b'{"order":7}'), new_ids())


async def _emitted(place: Place) -> None:
    await _suspended(_event)(place)
    await _emitting(place)


async def _listened(place: Place) -> None:
    """Three wait for the event, and a task is started by it."""
    await _registering(place)
    await _suspended(_event)(place)


async def _emit_again(place: Place) -> None:
    await _emitting(place)
    await place.settle(await place.take(10, worker=NEXT, task=_LISTENER))


# ------------------------------------------------------------------------------------------------------- deployments


async def _registering(place: Place) -> None:
    listener = Said(
        _LISTENER,
        "default",
        _POLICY,
        schedules=[NewSchedule(name="yearly", expr="0 0 1 1 *", policy=_POLICY)],
        subscriptions=[("event", _EVENT, None, None, None)],
    )
    project = place.session.settings.project
    told = Deployment(project=project, app="crash", worker=NEXT, tasks=[listener], known=[_LISTENER])
    await place.write(register, told, SEEN)


# --------------------------------------------------------------------------------------------------------- schedules


async def _scheduled(place: Place) -> None:
    """A yearly one whose tick is due."""
    await place.submitted()
    new = NewSchedule(name="yearly", expr="0 0 1 1 *", policy=_POLICY)
    row = await place.write(put_schedule, place.session.settings.project, _TICKED, new)
    row.next_at = row.due_at = place.now(-1)
    await place.write(save_schedules, [row])


async def _ticking(place: Place) -> None:
    await place.write(tick_schedules, new_ids())


async def _tick_again(place: Place) -> None:
    await _ticking(place)
    await place.settle(await place.take(10, worker=NEXT, task=_TICKED))


async def _unscheduling(place: Place) -> None:
    await place.write(remove_schedule, (place.session.settings.project, _TICKED, "yearly"))


DURABLE: Final[dict[str, CrashPoint]] = {
    "remember": point(remember, _submitted, _remembering, _remember_again, tables=(_remembered(1),)),
    "suspend asleep": point(settle, _submitted, _suspending(_sleep), tables=_nothing_waits),
    "suspend for a child": point(settle, _submitted, _suspending(_child), _children_end, tables=_nothing_waits),
    "suspend for an event": point(settle, _submitted, _suspending(_event), _emitting, tables=_nothing_waits),
    "wake": point(
        wake_due,
        _suspended(_sleep, due=True),
        _waking,
        tables=(*_nothing_waits, _remembered(3), _remembered(3, "nap")),
    ),
    "end of a child": point(
        settle,
        _suspended(_child),
        _ending_children,
        _children_end,
        tables=(*_nothing_waits, _remembered(3, "child"), (f"select sum(total) from batch where task = '{_CHILD}'", 3)),
    ),
    "errand of a child": point(
        run_errands, _children_ended, _running_errands, tables=(*_nothing_waits, _remembered(3, "child"))
    ),
    "emit": point(
        emit,
        _listened,
        _emitting,
        _emit_again,
        tables=(
            *_nothing_waits,
            _remembered(3, "paid"),
            (f"select sum(total) from batch where task = '{_LISTENER}'", 1),
        ),
    ),
    "errand of an event": point(
        run_errands, _emitted, _running_errands, tables=(*_nothing_waits, _remembered(3, "paid"))
    ),
    "tick": point(
        tick_schedules,
        _scheduled,
        _ticking,
        _tick_again,
        tables=((f"select count(*) from batch where task = '{_TICKED}'", 1),),
    ),
    "register": point(
        register,
        _submitted,
        _registering,
        _registering,
        tables=(
            ("select count(*) from subscription", 1),
            ("select count(*) from schedule", 1),
            ("select count(*) from registration", 1),
        ),
    ),
    "unschedule": point(
        remove_schedule,
        _scheduled,
        _unscheduling,
        _unscheduling,
        tables=(("select count(*) from schedule", 0),),
    ),
}
