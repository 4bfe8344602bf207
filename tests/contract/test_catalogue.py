"""Which tasks there are, as workers said it."""

from __future__ import annotations

import asyncio
import json

import pytest

from stook.core.errors import NotFound
from stook.core.policy import RetryPolicy, TaskPolicy
from stook.engine.catalogue import Catalogue, TaskEntry
from stook.store.script.worker_row import forget_worker, see_worker

POLICY = TaskPolicy(queue="heavy", max_attempts=7, retry=RetryPolicy(delays=(1, 2)))


def entry(name, **changes):
    return TaskEntry(name, **({"queue": "default", "policy": TaskPolicy(), "schema": None} | changes))


async def work(store, name, *tasks):
    await store.write(see_worker, name, "host", "1:1", json.dumps(sorted(tasks)))


async def test_a_task_is_as_its_worker_said(store):
    catalogue = Catalogue(store)
    schema = b'{"type":"object"}'
    await catalogue.see([entry("embed", queue="heavy", policy=POLICY, schema=schema), entry("clean")])
    found = await catalogue.find("embed")
    assert (found.name, found.queue, found.policy, found.schema) == ("embed", "heavy", POLICY, schema)
    assert (found.seen_at, found.workers) == (store.clock.now, 0)
    assert [one.name for one in await catalogue.list()] == ["clean", "embed"]


async def test_nothing_said_changes_nothing(store):
    await Catalogue(store).see([])
    assert await Catalogue(store).list() == []


async def test_only_what_changed_is_written(store):
    catalogue = Catalogue(store)
    await catalogue.see([entry("a"), entry("b")])
    store.clock.advance(10)
    await catalogue.see([entry("a"), entry("b")])
    assert store.statements["upsert_task"] == 0
    await catalogue.see([entry("a", schema=b"{}"), entry("b")])
    assert store.statements["upsert_task"] == 1
    now = store.clock.now
    assert [(one.name, now - one.seen_at) for one in await catalogue.list()] == [("a", 0), ("b", 10_000_000)]
    store.clock.advance(61)
    await catalogue.see([entry("a", schema=b"{}"), entry("b")])
    assert {one.seen_at for one in await catalogue.list()} == {store.clock.now}


async def test_the_last_worker_is_right(store):
    catalogue = Catalogue(store)
    await catalogue.see([entry("a", policy=POLICY, schema=b"{}")])
    await catalogue.see([entry("a", queue="other")])
    found = await catalogue.find("a")
    assert (found.queue, found.policy, found.schema) == ("other", TaskPolicy(), None)


async def test_live_workers_that_know_a_task_are_counted(store):
    catalogue = Catalogue(store)
    await catalogue.see([entry("a"), entry("b")])
    await work(store, "w1", "a")
    store.clock.advance(29)
    await work(store, "w2", "a", "b")
    assert {one.name: one.workers for one in await catalogue.list()} == {"a": 2, "b": 1}
    store.clock.advance(2)
    assert (await catalogue.find("a")).workers == 1, "w1 has not been heard of"
    await store.write(forget_worker, "w2")
    assert {one.workers for one in await catalogue.list()} == {0}


async def test_a_name_that_is_not_there_has_a_near_miss(store):
    catalogue = Catalogue(store)
    with pytest.raises(NotFound, match="no worker has ever started"):
        await catalogue.find("embed")
    await catalogue.see([entry("embed_text"), entry("clean")])
    with pytest.raises(NotFound, match="did you mean 'embed_text'"):
        await catalogue.find("embed_txt")
    for strange in ("zzz", "\0", "\ud800"):
        with pytest.raises(NotFound, match="has to start once"):
            await catalogue.find(strange)


async def test_workers_that_start_at_once_do_not_disturb_each_other(store):
    catalogue = Catalogue(store.store)
    tasks = [entry(f"t{number}") for number in range(40)]
    await asyncio.gather(*(catalogue.see(tasks[:: 1 if number % 2 else -1]) for number in range(12)))
    assert len(await catalogue.list()) == 40


async def test_what_a_projects_own_worker_says_nobody_else_hears(store):
    everybody, ours, theirs = Catalogue(store), Catalogue(store, "a"), Catalogue(store, "b")
    await everybody.see([entry("shared"), entry("clean")])
    await ours.see([entry("shared", queue="mine", policy=POLICY), entry("secret")])
    assert [one.name for one in await ours.list()] == ["clean", "secret", "shared"]
    assert [one.name for one in await theirs.list()] == ["clean", "shared"]
    assert [(await one.find("shared")).queue for one in (ours, theirs, everybody)] == ["mine", "default", "default"]
    for other in (theirs, everybody):
        with pytest.raises(NotFound, match="no such task: 'secret'"):
            await other.find("secret")
    await everybody.see([entry("shared", queue="new")])
    assert [(await one.find("shared")).queue for one in (ours, theirs)] == ["mine", "new"]


async def test_workers_of_another_project_do_not_count(store):
    catalogue = Catalogue(store, "a")
    await catalogue.see([entry("t")])
    await store.write(see_worker, "b/w", "host", "1:1", '["t"]', "b")
    assert (await catalogue.find("t")).workers == 0
    await store.write(see_worker, "a/w", "host", "1:1", '["t"]', "a")
    await work(store, "w", "t")
    assert [one.workers for one in await catalogue.list()] == [2]


async def test_a_projects_tasks_are_written_only_when_they_change(store):
    catalogue = Catalogue(store, "a")
    await catalogue.see([entry("t")])
    assert store.statements["upsert_project_task"] == 1
    await Catalogue(store, "b").see([entry("t")])
    assert store.statements["upsert_project_task"] == 1
    await catalogue.see([entry("t")])
    assert store.statements["upsert_project_task"] == 0
