"""Schedules, registrations and events, each stopped between any two of its statements while another runs: no deadlock,
no error, no tick lost or come twice."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.policy import TaskPolicy
from stook.core.triggers import Cron, On
from stook.engine.catalogue import TaskEntry
from stook.engine.registering import said_of
from stook.store.script.emit import Emission, emit
from stook.store.script.register import Deployment, register
from stook.store.script.schedule_row import NewSchedule
from stook.store.script.schedules import pause_schedule, put_schedule, remove_schedule
from stook.store.script.settle import settle
from stook.store.script.tick import tick_schedules
from tests.contract.audit import Audit
from tests.contract.batches import succeed, take_one
from tests.store_postgres.stepped import stepped


@pytest.fixture
def installed_postgres(emptied_postgres):
    return emptied_postgres


KEY = ("default", "t", "s0")


async def due(store):
    """Two schedules that are due, of which something of the first runs; its slice."""
    for number in range(2):
        await store.write(put_schedule, "default", "t", NewSchedule(name=f"s{number}", expr="* * * * *"))
    store.clock.advance(60)
    await store.write(tick_schedules, store.ids)
    one = await take_one(store, lease=1e6)
    store.clock.advance(60)
    return one


def telling(store, worker, *triggers):
    said = said_of(TaskEntry("t", "default", TaskPolicy()), triggers)
    told = Deployment(project="default", app="a", worker=worker, tasks=[said], known=["t"])
    return lambda: register(told, 60_000_000)


def emitting(store):
    event = Emission(id=store.ids(), project="default", name="e")
    return lambda: emit(event, store.ids)


async def tick_and_tick(store):
    await due(store)
    return lambda: tick_schedules(store.ids), lambda: tick_schedules(store.ids)


async def tick_and_remove(store):
    await due(store)
    return lambda: tick_schedules(store.ids), lambda: remove_schedule(KEY)


async def tick_and_pause(store):
    await due(store)
    return lambda: tick_schedules(store.ids), lambda: pause_schedule(KEY)


async def tick_and_register(store):
    await store.write(telling(store, "v", Cron("* * * * *", name="s2"), Cron("* * * * *", name="s3")))
    await due(store)
    return lambda: tick_schedules(store.ids), telling(store, "w", Cron("0 * * * *", name="s2"), On("e"))


async def remove_and_settle(store):
    one = await due(store)
    return lambda: remove_schedule(KEY), lambda: settle([succeed(one)], store.draw)


async def register_and_register(store):
    return telling(store, "v", Cron("* * * * *", name="c"), On("e")), telling(store, "w", Cron("0 * * * *", name="d"))


async def register_and_emit(store):
    await store.write(telling(store, "v", On("e")))
    return telling(store, "w", On("e", when="x = 1")), emitting(store)


async def put_and_put(store):
    new = [NewSchedule(name="s", expr=expr) for expr in ("* * * * *", "0 * * * *")]
    return lambda: put_schedule("default", "t", new[0]), lambda: put_schedule("default", "t", new[1])


SCENES = [
    tick_and_tick,
    tick_and_remove,
    tick_and_pause,
    tick_and_register,
    remove_and_settle,
    register_and_register,
    register_and_emit,
    put_and_put,
]


@pytest.mark.parametrize("swapped", [False, True], ids=["", "swapped"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_no_two_block_each_other_for_good(store, installed_postgres, scene, swapped):
    store.audited = False  # once per interleaving, at its end
    async with stepped(installed_postgres, store.clock) as (one, other):
        steps, ended = 0, False
        while not ended:
            pair = await scene(store)
            first, second = reversed(pair) if swapped else pair
            one.start(first)
            for _ in range(steps):
                ended = not await one.step()
            other.start(second)
            await other.go_on()
            await asyncio.gather(one.answer(), other.answer())
            await store.audit()
            await looked_at(store.tables.connection, scene)
            await store.tables.empty()
            store.audit = Audit(store.tables)
            steps += 1
        assert steps > 2


async def looked_at(connection, scene):
    """What holds in the end, whatever the order."""
    runs = await connection.fetchval("select count(*) from schedule_run where name = 's1'")
    programs = await connection.fetch("select r.program from registration r join deployment d using (task, program)")
    schedules = {row[0] for row in await connection.fetch("select name from schedule")}
    if scene is tick_and_tick:
        assert runs == 2, "one before, and one of two that were there at once"
    if scene is register_and_register:
        assert len(programs) == 1
        assert schedules in ({"c"}, {"d"})
