"""What programs say of their tasks: written once, by the newest that is alive."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.errors import ConfigError
from stook.core.lanes import stored_key
from stook.core.policy import BatchConfig, TaskPolicy
from stook.core.triggers import Cron, Invocable, On
from stook.engine.catalogue import Catalogue, TaskEntry
from stook.engine.maintenance import sweep_once
from stook.engine.registering import Registrar, said_of
from stook.store.script.emit import Emission, emit
from stook.store.script.schedule_row import NewSchedule
from stook.store.script.schedules import list_schedules, pause_schedule, put_schedule
from tests.contract.batches import batch_of, drain, send, succeed, take_one

LONG = 1e6


def registrar(store, *triggers, task="t", worker="w", app="app", known=None, project="default", **policy):
    said = said_of(TaskEntry(task, policy.get("queue", "default"), TaskPolicy(**policy)), triggers)
    return Registrar(store, project, app=app, worker=worker, tasks=[said], known=(task,) if known is None else known)


async def register(store, *triggers, **options):
    return await registrar(store, *triggers, **options).register()


async def schedules(store):
    return {row.name: (row.expr, row.static) for row in await store.read(list_schedules, "default")}


async def count(store, name="e"):
    """How many executions an event starts."""
    return await store.write(emit, Emission(id=store.ids(), project="default", name=name), store.ids)


async def test_the_same_again_changes_nothing(store):
    triggers = (Cron("0 * * * *", name="c"), On("e"))
    done = await register(store, *triggers)
    assert (done.written, done.passed, done.gone, done.kept) == (["t"], [], [], [])
    store.clock.advance(7000)
    await register(store, *triggers)
    changes = {"upsert_schedule", "insert_subscription", "delete_subscriptions", "upsert_registration"}
    assert not changes & set(store.statements)
    await sweep_once(store)
    assert await drain(store) == 1, "what was missed while nobody was there is not forgotten"


async def test_a_changed_expression_replaces_the_series(store):
    await register(store, Cron("* * * * *", name="c"))
    await register(store, Cron("0 0 1 1 *", name="c"))
    assert await schedules(store) == {"c": ("0 0 1 1 *", 1)}
    store.clock.advance(3600)
    await sweep_once(store)
    assert await drain(store) == 0


async def test_a_schedule_gone_from_code_is_deleted_and_its_running_ones_are_cancelled(store):
    await register(store, Cron("* * * * *", name="c"), Cron("0 0 1 1 *", name="d"))
    store.clock.advance(60)
    await sweep_once(store)
    running = await take_one(store, lease=LONG)
    store.clock.advance(60)
    await sweep_once(store)
    await register(store, Cron("0 0 1 1 *", name="d"))
    assert await schedules(store) == {"d": ("0 0 1 1 *", 1)}
    await send(store, succeed(running))
    assert (await batch_of(store, running.batch_id)).ended == "cancelled"
    assert await drain(store) == 0


async def test_schedules_made_at_run_time_are_not_touched(store):
    await store.write(put_schedule, "default", "t", NewSchedule(name="mine", expr="0 * * * *"))
    done = await register(store, Cron("* * * * *", name="c"), Cron("1 1 * * *", name="mine"))
    assert done.kept == [("t", "mine")]
    await register(store, Invocable())
    assert await schedules(store) == {"mine": ("0 * * * *", 0)}


async def test_equal_names_on_two_tasks_do_not_clash(store):
    for task in ("t", "u"):
        await register(store, Cron("* * * * *", name="c"), task=task, worker=task)
    await register(store, Invocable(), task="u", worker="u")
    assert [(row.task, row.name) for row in await store.read(list_schedules, "default")] == [("t", "c")]


async def test_what_is_paused_stays_paused(store):
    await register(store, Cron("* * * * *", name="c"))
    await store.write(pause_schedule, ("default", "t", "c"))
    await register(store, Cron("*/2 * * * *", name="c"))
    store.clock.advance(600)
    await sweep_once(store)
    assert await drain(store) == 0


async def test_subscriptions_are_replaced(store):
    await register(store, On("e"), On("e", when="x = 1"), On("f"))
    await register(store, On("e"))
    assert [await count(store, name) for name in ("e", "f")] == [1, 0]
    await register(store, Invocable())
    assert await count(store) == 0


async def test_subscriptions_hold_while_workers_are_down(store):
    first = registrar(store, On("e"))
    await first.register()
    await first.forget()
    store.clock.advance(86_400)
    assert await count(store) == 1


async def test_a_task_gone_from_the_code_takes_its_triggers_along(store):
    old = registrar(store, On("e"), Cron("* * * * *", name="c"), worker="old", known=["t", "u"])
    await old.register()
    new = registrar(store, On("f"), task="u", worker="new", known=["u"])
    assert (await new.register()).gone == [], "a live worker still has it"
    await old.forget()
    assert (await new.register()).gone == ["t"]
    assert await schedules(store) == {}
    assert [await count(store, name) for name in ("e", "f")] == [0, 1]


async def test_other_apps_tasks_are_theirs(store):
    one = registrar(store, On("e"), app="one")
    await one.register()
    await one.forget()
    assert (await register(store, On("f"), task="u", app="two", known=["u"])).gone == []
    assert (await register(store, On("f"), task="v", app="", known=[])).gone == []
    assert await count(store) == 1


async def test_the_newest_program_that_is_alive_decides(store):
    old, new = registrar(store, On("e"), worker="old"), registrar(store, On("f"), worker="new", max_attempts=7)
    await old.register()
    await new.register()
    for restarted in (old, registrar(store, On("e"), worker="old2")):
        done = await restarted.register()
        assert (done.written, done.passed) == ([], ["t"])
        await restarted.beat()
    assert [await count(store, name) for name in ("e", "f")] == [0, 1]
    assert (await Catalogue(store).find("t")).policy.max_attempts == 7


async def test_an_older_program_decides_again_when_the_newer_is_gone(store):
    """A release that was taken back."""
    old, new = registrar(store, On("e"), worker="old"), registrar(store, On("f"), worker="new")
    await old.register()
    await new.register()
    await new.forget()
    assert (await old.beat()).written == ["t"]
    assert (await old.beat()).written == []
    assert [await count(store, name) for name in ("e", "f")] == [1, 0]


async def test_a_worker_not_heard_of_decides_nothing(store):
    old, new = registrar(store, On("e"), worker="old"), registrar(store, On("f"), worker="new")
    await old.register()
    await new.register()
    store.clock.advance(20)
    await old.beat()
    store.clock.advance(11)
    assert (await old.beat()).written == ["t"]
    assert await count(store, "e") == 1


async def test_two_at_once_end_as_one(store):
    both = [registrar(store, On(name), Cron("* * * * *", name=name), worker=name) for name in "ef"]
    await asyncio.gather(*(one.register() for one in both))
    await asyncio.gather(*(one.beat() for one in both))
    assert sorted([await count(store, name) for name in "ef"]) == [0, 1]
    assert len(await schedules(store)) == 1


async def test_signs_of_life_are_not_written_all_the_time(store):
    one = registrar(store, On("e"))
    await one.register()
    await one.beat()
    assert store.statements["upsert_deployment"] == 0
    store.clock.advance(6)
    await one.beat()
    assert store.statements["upsert_deployment"] == 1


async def test_a_failing_registration_writes_nothing(store):
    """One transaction: a schedule that cannot be stops the policy as well."""
    from stook.store.script.register import Deployment, Said
    from stook.store.script.register import register as verb

    bad = Said("t", "default", "{}", schedules=[NewSchedule(name="c", expr="no")], program="p")
    told = Deployment(project="default", app="a", worker="w", tasks=[bad], known=["t"])
    with pytest.raises(ConfigError):
        await store.write(verb, told, 60_000_000)
    assert await Catalogue(store).list() == []


def test_a_task_kept_apart_by_a_function_has_no_triggers():
    key = stored_key(lambda payload: payload["tenant"])
    policy = TaskPolicy(batch=BatchConfig(size=2, key=key))
    said_of(TaskEntry("t", "default", policy), [Invocable()])
    with pytest.raises(ConfigError, match="a key that is a function"):
        said_of(TaskEntry("t", "default", policy), [On("e")])
