"""Schedules: each tick comes once, in the transaction that sets the next."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from stook.core.errors import ConfigError, Conflict, NotFound
from stook.core.policy import TaskPolicy
from stook.core.states import State
from stook.core.work import Remember
from stook.engine.catalogue import Catalogue, TaskEntry
from stook.engine.maintenance import sweep_once
from stook.engine.projects import Projects
from stook.engine.ticking import tick_once
from stook.store.script.remember import remember
from stook.store.script.schedule_row import NewSchedule, save_schedules
from stook.store.script.schedules import (
    list_schedules,
    pause_schedule,
    purge_schedule_runs,
    put_schedule,
    remove_schedule,
    resume_schedule,
)
from stook.store.script.stop import cancel
from stook.store.script.tick import tick_schedules
from stook.store.script.upkeep import look_ahead
from stook.store.statement import Each
from tests.contract.batches import batch_of, drain, fail, inputs, policy, send, states_of, succeed, take, take_one
from tests.contract.durable import sleep, step, suspended

MINUTE = 60_000_000
LONG = 1e6
"""A lease, in seconds, that does not run out while ticks are waited for."""


def at(*when):
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture
def noon(store):
    """The clock stands at the first second of a day."""
    store.clock.now = at(2026, 3, 1)
    return store


async def put(store, name="every minute", expr="* * * * *", task="t", **options):
    return await store.write(put_schedule, "default", task, NewSchedule(name=name, expr=expr, **options))


async def tick(store):
    return await store.write(tick_schedules, store.ids)


async def passes(store, seconds):
    """Time passes, and what is due happens."""
    store.clock.advance(seconds)
    await sweep_once(store)


async def one_of(store, name="every minute"):
    (found,) = [row for row in await store.read(list_schedules, "default") if row.name == name]
    return found


async def test_a_tick_creates_an_execution_and_sets_the_next(noon):
    await put(noon, payload=b'{"n":1}', priority=7)
    assert await tick(noon) == 0
    assert await noon.read(look_ahead) == MINUTE
    noon.clock.advance(60)
    assert await tick(noon) == 1
    assert await tick(noon) == 0
    assert await noon.read(look_ahead) == MINUTE
    one = await take_one(noon)
    assert inputs(one) == [b'{"n":1}']
    (extras,) = one.extras.values()
    assert (extras.kind, extras.name) == ("cron", "every minute")
    batch = await batch_of(noon, one.batch_id)
    assert (batch.priority, batch.single, batch.total) == (7, 1, 1)
    row = await one_of(noon)
    assert (row.next_at, row.last_at, row.last_id) == (noon.clock.now + MINUTE, noon.clock.now, one.batch_id)


async def test_without_a_payload_it_is_null(noon):
    await put(noon)
    await passes(noon, 60)
    assert inputs(await take_one(noon)) == [b"null"]


async def test_two_tickers_at_once_start_it_once(noon):
    for number in range(5):
        await put(noon, name=f"s{number}")
    noon.clock.advance(60)
    done = await asyncio.gather(*(noon.store.write(tick_schedules, noon.ids) for _ in range(6)))
    assert sum(done) == 5
    assert await drain(noon) == 5


async def test_many_are_done_in_bites(noon):
    for number in range(7):
        await put(noon, name=f"s{number}")
    noon.clock.advance(60)
    assert [await noon.write(tick_schedules, noon.ids, None, 3) for _ in range(4)] == [3, 3, 1, 0]
    assert await drain(noon) == 7


async def test_a_series_goes_on_whatever_becomes_of_its_executions(noon):
    await put(noon)
    for _ in range(3):
        await passes(noon, 60)
        await send(noon, fail(await take_one(noon), retryable=False))
    await passes(noon, 60)
    await noon.write(cancel, (await take_one(noon)).batch_id, hard=True, reason="")
    await passes(noon, 60)
    assert len((await take(noon)).slices) == 1


@pytest.mark.parametrize(("missed", "count"), [("one", 1), ("all", 10), ("skip", 1)], ids=["one", "all", "skip"])
async def test_missed_ticks(noon, missed, count):
    """Nobody was there for ten minutes and a bit."""
    await put(noon, missed=missed)
    await passes(noon, 610)
    assert await drain(noon) == count
    assert (await one_of(noon)).next_at == at(2026, 3, 1, 0, 11)


async def test_what_is_skipped_is_skipped_when_it_is_late(noon):
    await put(noon, expr="0 * * * *", missed="skip")
    await passes(noon, 3600 + 61)
    assert await drain(noon) == 0
    await passes(noon, 3600 - 61 + 60)
    assert await drain(noon) == 1


async def test_all_missed_ticks_of_long_come_in_bites(noon):
    await put(noon, missed="all")
    noon.clock.advance(250 * 60)
    assert await tick(noon) == 1
    assert await drain(noon) == 100
    await sweep_once(noon)
    assert await drain(noon) == 150


async def test_overlap_allow(noon):
    await put(noon)
    for _ in range(3):
        await passes(noon, 60)
    assert len((await take(noon)).slices) == 3


async def test_overlap_skip(noon):
    await put(noon, overlap="skip")
    for _ in range(3):
        await passes(noon, 60)
    (one,) = (await take(noon, lease=LONG)).slices
    await passes(noon, 60)
    assert (await take(noon)).slices == []
    await send(noon, succeed(one))
    await sweep_once(noon)
    assert (await take(noon)).slices == []
    assert (await one_of(noon)).skipped == 3
    await passes(noon, 60)
    assert await drain(noon) == 1


async def test_overlap_queue(noon):
    """Ticks that fell on a running execution come one after the other, each as soon as the one before has ended."""
    await put(noon, overlap="queue", missed="all")
    await passes(noon, 180)
    assert (await one_of(noon)).owed == 2
    assert await noon.read(look_ahead) == MINUTE
    assert await drain(noon) == 1
    assert await noon.read(look_ahead) <= 0
    for left in (1, 0):
        await sweep_once(noon)
        assert (await one_of(noon)).owed == left
        assert await drain(noon) == 1
    await sweep_once(noon)
    assert await drain(noon) == 0


async def test_another_expression_replaces_what_was_pending(noon):
    await put(noon, name="n", expr="* * * * *")
    await put(noon, name="n", expr="0 * * * *", payload=b"2")
    await passes(noon, 60)
    assert await drain(noon) == 0
    await passes(noon, 3600 - 60)
    assert inputs(await take_one(noon)) == [b"2"]


async def test_another_zone_replaces_what_was_pending(noon):
    await put(noon, name="n", expr="0 12 * * *")
    await put(noon, name="n", expr="0 12 * * *", tz="America/New_York")
    assert (await one_of(noon, "n")).next_at == at(2026, 3, 1, 17)


async def test_the_same_again_moves_nothing(noon):
    await put(noon, expr="0 0 * * *")
    noon.clock.advance(86_400 + 5)
    await put(noon, expr="0 0 * * *", payload=b"3")
    assert await tick(noon) == 1
    assert inputs(await take_one(noon)) == [b"3"]


async def test_what_is_removed_ticks_no_more_and_what_it_started_is_cancelled(noon):
    await put(noon)
    await passes(noon, 60)
    running = await take_one(noon, lease=LONG)
    await passes(noon, 60)
    assert await noon.write(remove_schedule, ("default", "t", "every minute")) is True
    assert await noon.write(remove_schedule, ("default", "t", "every minute")) is False
    await passes(noon, 3600)
    assert (await take(noon)).slices == []
    await send(noon, succeed(running))
    batch = await batch_of(noon, running.batch_id)
    assert (batch.ended, batch.reason) == ("cancelled", "its schedule was removed")
    assert await noon.read(list_schedules, "default") == []


async def test_what_runs_may_be_left_alone(noon):
    await put(noon)
    await passes(noon, 60)
    running = await take_one(noon, lease=LONG)
    await passes(noon, 60)
    (pending,) = {row[0] for row in await noon.read(_runs)} - {running.batch_id}
    await noon.write(remove_schedule, ("default", "t", "every minute"), cancel_running=False)
    await send(noon, succeed(running))
    assert (await batch_of(noon, running.batch_id)).succeeded == 1
    assert (await take(noon)).slices == []
    batch = await batch_of(noon, pending)
    assert (batch.ended, batch.reason) == ("cancelled", "its schedule was removed")


def _runs():
    return (yield Each("read_schedule_runs", [("default", "t", "every minute")]))


async def test_a_pause_lets_ticks_pass(noon):
    await put(noon, missed="all")
    key = ("default", "t", "every minute")
    await noon.write(pause_schedule, key)
    await noon.write(pause_schedule, key)
    assert await noon.read(look_ahead) is None
    await passes(noon, 330)
    assert await drain(noon) == 0
    await put(noon, missed="all", payload=b"5")
    await passes(noon, 30)
    assert await drain(noon) == 0
    await noon.write(resume_schedule, key)
    await noon.write(resume_schedule, key)
    await sweep_once(noon)
    assert await drain(noon) == 0
    await passes(noon, 60)
    assert await drain(noon) == 1


async def test_nothing_is_paused_or_resumed_that_is_not_there(noon):
    for verb in (pause_schedule, resume_schedule):
        with pytest.raises(NotFound, match="no schedule 'nobody'"):
            await noon.write(verb, ("default", "t", "nobody"))


async def test_a_wrong_expression_is_not_stored(noon):
    with pytest.raises(ConfigError):
        await put(noon, expr="every day")
    assert await noon.read(list_schedules, "default") == []


async def test_a_zone_that_this_machine_has_not_stops_nobody_else(noon):
    """It was written by a program on another."""
    await put(noon, name="a")
    broken = msgspec.structs.replace(await one_of(noon, "a"), name="b", tz="Mars/Olympus")
    await noon.write(save_schedules, [broken])
    await passes(noon, 60)
    assert await drain(noon) == 1
    assert "Mars/Olympus" in (await one_of(noon, "b")).trouble
    assert await noon.read(look_ahead) == 10_000_000


async def test_a_full_project_is_asked_again_and_stops_nobody_else(noon):
    await Projects(noon).change("default", max_queued_items=1)
    await put(noon, name="a", missed="all")
    await put(noon, name="b", task="u")
    await noon.write(put_schedule, "other", "t", NewSchedule(name="c", expr="* * * * *"))
    await passes(noon, 60)
    assert [await drain(noon, tasks=[task]) for task in ("t", "u")] in ([2, 0], [1, 1])
    (late,) = [row for row in await noon.read(list_schedules, "default") if row.trouble]
    assert "has 1 item" in late.trouble
    await passes(noon, 10)
    assert await drain(noon, tasks=["t", "u"]) == 1


async def test_the_catalogue_says_how_executions_run(noon):
    """The policy of when it ticks, not of when it was scheduled."""
    await put(noon, policy=policy(queue="old", max_attempts=9))
    await passes(noon, 60)
    first = await batch_of(noon, (await take_one(noon, lease=LONG)).batch_id)
    assert (first.queue, first.task_policy.max_attempts) == ("old", 9)
    await Catalogue(noon).see([TaskEntry("t", "new", TaskPolicy(queue="new", max_attempts=4))])
    await passes(noon, 60)
    second = await batch_of(noon, (await take_one(noon)).batch_id)
    assert (second.queue, second.task_policy.max_attempts) == ("new", 4)


async def test_schedules_are_of_a_task_of_a_project(noon):
    await put(noon, name="n")
    await put(noon, name="n", task="u")
    await noon.write(put_schedule, "other", "t", NewSchedule(name="n", expr="0 * * * *"))
    assert [(row.task, row.name) for row in await noon.read(list_schedules, "default")] == [("t", "n"), ("u", "n")]
    assert [row.task for row in await noon.read(list_schedules, "default", "u")] == ["u"]
    assert [row.task for row in await noon.read(list_schedules, "default", after=("t", "n"))] == ["u"]
    await noon.write(remove_schedule, ("default", "t", "n"))
    await passes(noon, 60)
    assert await drain(noon, tasks=["t", "u"]) == 1


async def test_what_has_ended_is_forgotten(noon):
    await put(noon)
    for _ in range(3):
        await passes(noon, 60)
    one = await take_one(noon)
    assert await noon.write(purge_schedule_runs) == 0
    await send(noon, succeed(one))
    assert await noon.write(purge_schedule_runs) == 1
    assert await noon.write(purge_schedule_runs) == 0
    assert await states_of(noon, one.batch_id) == bytes([4])


async def test_what_stands_in_the_code_is_not_overwritten(noon):
    await put(noon)
    static = msgspec.structs.replace(await one_of(noon), static=1)
    await noon.write(save_schedules, [static])
    with pytest.raises(Conflict, match="stands in its code"):
        await put(noon, expr="0 * * * *")


async def test_idle_stores_stay_idle(noon):
    assert await tick_once(noon) == 0
    assert noon.statements["upsert_schedule"] == 0


async def test_each_execution_knows_the_tick_that_it_is_of(noon):
    """Nobody was there for three minutes and a bit."""
    await put(noon, missed="all")
    await passes(noon, 190)
    ticks = []
    while (found := await take(noon)).slices:
        for one in found.slices:
            ticks += [one.extras[offset].run_at for offset in one.offsets]
            await send(noon, succeed(one))
    assert ticks == [at(2026, 3, 1, 0, 1), at(2026, 3, 1, 0, 2), at(2026, 3, 1, 0, 3)]


async def test_of_ticks_that_collapse_it_is_the_newest(noon):
    await put(noon)
    await passes(noon, 190)
    one = await take_one(noon)
    assert [extras.run_at for extras in one.extras.values()] == [at(2026, 3, 1, 0, 3)]


async def test_what_has_begun_goes_on_to_its_end_if_it_may(noon):
    """Also where it waits for another attempt."""
    await put(noon)
    await passes(noon, 60)
    begun = await take_one(noon)
    await send(noon, fail(begun))
    await noon.write(remove_schedule, ("default", "t", "every minute"), cancel_running=False)
    await passes(noon, 3600)
    await send(noon, succeed(await take_one(noon)))
    assert (await batch_of(noon, begun.batch_id)).succeeded == 1


async def test_of_ticks_that_share_a_batch_each_that_has_begun_goes_on(noon):
    """One is suspended, one waits for another attempt, one runs, one was handed back with a memo, one never began."""
    await put(noon, missed="all")
    await passes(noon, 310)
    one, other, running = [await take_one(noon, count, lease=LONG) for count in (1, 1, 2)]
    assert {one.batch_id, other.batch_id} == {running.batch_id}
    await send(noon, suspended(one, sleep("nap", 60)), fail(other))
    begun, resumed = running.offsets
    await noon.write(remember, [Remember(running.token, running.batch_id, resumed, [step("a")], None)])
    await send(noon, fail(running, resumed, kind="released"))
    await noon.write(remove_schedule, ("default", "t", "every minute"), cancel_running=False)
    assert (await states_of(noon, one.batch_id)).count(State.cancelled) == 1
    assert (await batch_of(noon, one.batch_id)).suspended == 1
    await send(noon, succeed(running, [begun]))
    await passes(noon, 3600)
    assert await drain(noon) == 3
    batch = await batch_of(noon, one.batch_id)
    assert (batch.succeeded, batch.cancelled, batch.total) == (4, 1, 5)
