"""What watchers are shown is right, and costs the same however many items there are."""

from __future__ import annotations

import contextlib
import re
import sqlite3

import pytest

from stook.store.script.pause import pause
from stook.store.script.read.figures import read_figures
from stook.store.script.worker_row import see_worker
from stook.store.statements import load
from tests.contract.batches import fail, new_batch, run_due, send, submit_items, succeed, take_one
from tests.contract.million import MILLION, submitted
from tests.contract.test_plans import planned, postgres_rows, sqlite_steps

ASKED = {"live_figures": (), "lease_figures": (), "ready_figures": (), "count_workers": (5,)}


async def test_counts_are_those_of_live_batches(store):
    ended = await submit_items(store, 3, task="u")
    await send(store, succeed(await take_one(store, tasks=("u",))))
    batch = await submit_items(store, 10)
    held = await take_one(store, 4)
    await send(store, succeed(held, [0]), fail(held, 1, retryable=False))
    found = await store.read(read_figures)
    (live,) = found.live
    assert (live.project, live.queue, live.phase, live.batches) == (new_batch(store).project, "default", "active", 1)
    assert (live.total, live.succeeded, live.failed, live.cancelled) == (10, 1, 1, 0)
    (lease,) = found.leases
    assert (lease.leases, lease.running) == (1, 2)
    assert ended != batch


async def test_the_age_is_that_of_what_is_next_in_line(store):
    await submit_items(store, 5)
    await run_due(store, 30)
    await submit_items(store, 5)
    await submit_items(store, 5, task="u", queue="mail")
    await run_due(store, 10)
    found = await store.read(read_figures)
    ages = {one.queue: (found.now - one.ready_at) / 1e6 for one in found.ready}
    assert ages == {"default": 40.0, "mail": 10.0}


async def test_what_is_paused_is_not_in_line(store):
    batch = await submit_items(store, 5)
    await store.write(pause, batch, reason="wait")
    found = await store.read(read_figures)
    assert (found.ready, [live.phase for live in found.live]) == ([], ["paused"])


async def test_each_task_of_each_project_has_its_front(store):
    for task in ("a", "b", "c"):
        for project in ("p", "q"):
            for _ in range(3):
                await submit_items(store, 2, task=task, queue=task, project=project)
    found = await store.read(read_figures)
    assert sorted((one.project, one.queue) for one in found.ready) == [
        (project, task) for project in ("p", "q") for task in ("a", "b", "c")
    ]


async def test_workers_count_for_thirty_seconds(store):
    await store.write(see_worker, "one", "host", "1:1", "[]")
    await run_due(store, 20)
    await store.write(see_worker, "two", "host", "2:2", "[]")
    assert (await store.read(read_figures)).workers == 2
    await run_due(store, 15)
    assert (await store.read(read_figures)).workers == 1


async def test_an_empty_store(store):
    found = await store.read(read_figures)
    assert (found.live, found.leases, found.ready, found.workers) == ([], [], [], 0)


@pytest.mark.parametrize("name", ASKED)
async def test_nothing_is_scanned_but_leases_and_workers(store, name):
    sql, params = load(f"stook.store.{store.kind}")[name], ASKED[name]
    if store.kind == "sqlite":
        plan = [row[3] for row in store.tables._connection.execute(f"explain query plan {sql}", params)]
        scanned = {found[1] for line in plan if (found := re.search(r"SCAN (\w+)\b(?! USING INDEX batch_live)", line))}
    else:
        connection = store.tables.connection
        plan = await planned(connection, sql, params)
        scanned = {found[1] for line in plan if (found := re.search(r"Seq Scan on (\w+)", line))}
    assert scanned <= {"CONSTANT", "flow", "lease", "named", "worker"}, plan


async def test_a_million_items_cost_no_more_than_a_few(store):
    """Two thousand segments, of which one is looked at; one batch's row."""
    await submitted(store, MILLION)
    await take_one(store, 1000)
    if store.kind == "sqlite":
        with contextlib.closing(sqlite3.connect(store.store.path)) as connection:
            connection.execute("analyze")
        touched = {name: await sqlite_steps(store, name, params) for name, params in ASKED.items()}
        assert {name: steps for name, steps in touched.items() if steps > 1} == {}
        return
    from stook.store.postgres.connect import connect

    await store.tables.connection.execute("analyze")
    connection = await connect(store.store.url, "stook", timeout=None)
    try:
        touched = {name: await postgres_rows(connection, name, params) for name, params in ASKED.items()}
    finally:
        await connection.close()
    assert {name: rows for name, rows in touched.items() if rows > 40} == {}
