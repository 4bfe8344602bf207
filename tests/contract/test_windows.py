"""A task starts in its hours alone, whoever else's hours they are; what waits for them loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from stook.core.policy import TaskPolicy
from stook.core.window import Window
from stook.store.script.sweep import expire_leases
from stook.store.script.terms import declare_terms, set_terms
from tests.contract.batches import claim_all, indexes, policy, send, submit_items, succeed, take, take_one

NIGHT = Window("22:00", "06:00")


def at(store, clock: str, day: int = 2) -> None:
    """January 2030; the 2nd is a Wednesday."""
    moment = datetime.fromisoformat(f"2030-01-{day:02}T{clock}").replace(tzinfo=UTC)
    store.clock.now = int(moment.timestamp()) * 1_000_000


async def declare(store, window, task="t", project="default"):
    text = msgspec.json.encode(TaskPolicy(window=window)).decode()
    await store.write(declare_terms, project, [(task, text)])


async def test_nothing_starts_before_its_time_and_the_claim_says_when(store):
    at(store, "21:59:59")
    await submit_items(store, 3, policy=policy(window=NIGHT))
    claimed = await take(store)
    assert (claimed.slices, claimed.wait) == ([], 1.0)
    at(store, "22:00:00")
    assert len(indexes((await take(store, 1)).slices)) == 1
    at(store, "05:59:59", 3)
    one = await take_one(store, 1)
    assert (one.attempt, one.window_closes_in) == (1, 1.0)
    at(store, "06:00:00", 3)
    claimed = await take(store)
    assert (claimed.slices, claimed.wait) == ([], 16 * 3600)


async def test_one_closed_window_decides_for_nobody_else_however_many_are_closed(store):
    at(store, "12:00:00")
    tasks = [f"night{n}" for n in range(30)]
    for task in tasks:
        await declare(store, NIGHT, task)
        await submit_items(store, 5, task=task, priority=9)
    await declare(store, Window("09:00", "17:00"), "day")
    await submit_items(store, 5, task="day")
    await submit_items(store, 5, task="any")
    found = await claim_all(store, tasks=[*tasks, "day", "any"])
    assert sorted((one.task, len(one.offsets)) for one in found) == [("any", 5), ("day", 5)]


async def test_days_belong_to_the_day_the_window_opens(store):
    await declare(store, Window("22:00", "06:00", days=(2,)))
    await submit_items(store, 3)
    for clock, day, open_ in (("23:00", 2, True), ("03:00", 3, True), ("23:00", 3, False), ("03:00", 2, False)):
        at(store, clock, day)
        assert bool((await take(store, 1)).slices) is open_, (clock, day) if open_ else "closed"
        if not open_:
            break


async def test_a_window_holds_for_work_that_was_submitted_under_another(store):
    at(store, "12:00:00")
    await submit_items(store, 3, policy=policy(window=NIGHT))
    assert not (await take(store)).slices
    await declare(store, None)
    assert len(indexes(await claim_all(store))) == 3


async def test_a_window_changed_by_hand(store):
    at(store, "12:00:00")
    await declare(store, NIGHT)
    await submit_items(store, 3)
    await store.write(set_terms, "default", "t", window=Window("11:00", "13:00"))
    await declare(store, NIGHT)
    assert len(indexes(await claim_all(store))) == 3


async def test_a_suspect_waits_for_its_hours_too(store):
    at(store, "05:00:00")
    await declare(store, NIGHT)
    await submit_items(store, 1)
    await take(store, lease=1)
    at(store, "12:00:00")
    await store.write(expire_leases)
    claimed = await take(store)
    assert (claimed.slices, claimed.suspects) == ([], False)
    at(store, "22:00:00")
    assert (await take_one(store)).exclusive


async def test_what_runs_when_it_closes_ends_as_it_would(store):
    at(store, "05:59:59")
    await declare(store, NIGHT)
    await submit_items(store, 2)
    running = await take_one(store, 1)
    at(store, "06:00:01", 2)
    assert (await send(store, succeed(running))).lost == []


@pytest.mark.parametrize("project", ["p", "q"])
async def test_each_project_has_its_own_hours(store, project):
    at(store, "12:00:00")
    await declare(store, NIGHT, project="p")
    await submit_items(store, 3, project=project)
    assert bool(await claim_all(store)) is (project == "q")
