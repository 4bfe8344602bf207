"""What is asked of deployments, for each submission or all the time, goes by an index, however much there is."""

from __future__ import annotations

import re

import pytest

from stook.core.hosted import hosted_task, task_prefix, version_id
from stook.store.statement import Many
from stook.store.statements import load
from tests.contract.deployed import Hosting, app, pinned
from tests.contract.test_plans import STATISTICS, postgres_rows, sqlite_steps
from tests.contract.test_server_plans import DERIVED

ID = "7007bc1d-06ea-4f14-b8a7-faf7f94e72ba"
RANGE = task_prefix(ID)
ASKED = {
    "find_hosted_version": ("v", "p"),
    "first_hosted_log": (ID,),
    "hosted_batches_to_end": (*RANGE, 50),
    "labelled_deployments": (ID,),
    "list_hosted_deployments": ("p", None, None, None, None, 50, 0),
    "list_hosted_versions": ("p", "kernel", "shop", None, None, None, 50, 0),
    "live_hosted": (),
    "lock_hosted_build": (5,),
    "lock_hosted_deployment": (ID,),
    "lock_hosted_log": (ID,),
    "lock_next_build": (5,),
    "look_hosted_build": (5,),
    "read_hosted_apps": (ID,),
    "read_hosted_deployment": (ID,),
    "read_hosted_env": (ID,),
    "read_hosted_log": (ID, 5, 0, 500),
    "read_hosted_versions": ("p", "kernel", "shop", "v1"),
    "renew_hosted_build": (5, 5),
    "resolve_hosted": ("p", "kernel", "shop", "v1"),
    "running_hosted": (),
    "spent_hosted": (5, 5, 100),
    "trim_hosted_log": (ID, 5, 5),
}
BY = {
    "hosted_batches_to_end": "batch_hosted",
    "list_hosted_deployments": "hosted_deployment_listed",
    "live_hosted": "batch_hosted",
    "lock_next_build": "hosted_deployment_build",
    "running_hosted": "hosted_deployment_served",
    "spent_hosted": "hosted_deployment_kept",
}
OURS = DERIVED | {"CONSTANT", "live", "literal", "newest"}
WHOLE = {"running_hosted", "spent_hosted", "lock_next_build"}
"""These go through an index that holds nothing else."""


async def plan_of(store, name):
    sql, params = load(f"stook.store.{store.kind}")[name], ASKED[name]
    if store.kind == "sqlite":
        return [row[3] for row in store.tables._connection.execute(f"explain query plan {sql}", params)]
    connection = store.tables.connection
    given = [[value] if "unnest(" in sql or "any($" in sql else value for value in params]
    await connection.execute("set enable_seqscan = off; set enable_bitmapscan = off")
    await connection.execute("set plan_cache_mode = force_generic_plan")
    return [row[0] for row in await connection.fetch(f"explain {sql}", *given)]


@pytest.mark.parametrize("name", ASKED)
async def test_it_goes_by_an_index(store, name):
    plan = await plan_of(store, name)
    scanned = {
        found[1]
        for line in plan
        if (found := re.search(r"(?:\bSCAN|Seq Scan on) (\w+)", line)) and not (name in WHOLE and BY[name] in line)
    }
    assert scanned <= OURS, plan
    assert any(BY.get(name, "") in line for line in plan), plan


def crowd():
    """Five thousand labels of one app, as many of others, and what waits for thirty deployments."""
    rows = []
    for number in range(10_000):
        key = ("p", "kernel", "shop" if number % 2 else f"a{number}", f"v{number}")
        rows.append((*key, version_id(*key), ID, number))
    yield Many("upsert_hosted_version", rows)
    yield Many("insert_hosted_app", [(ID, "shop", "p", "kernel", "shop", '["pay"]', "[]")])


async def test_what_each_submission_asks_touches_a_few_rows_of_many(store, tmp_path):
    """Whatever the statistics say: the plan is kept."""
    hosting = Hosting(store, tmp_path)
    store.audited = False
    done = [await hosting.deploy(f"v{n}", app(f"app{n}")) for n in range(4)]
    for one in done:
        for _ in range(150):
            await pinned(store, one, 1, single=True)
    await store.write(crowd)
    await store.write(lambda: (yield Many("insert_hosted_log", log_lines())))
    hot = {
        "resolve_hosted": ("p", "kernel", "shop", "v4001"),
        "live_hosted": (),
        "hosted_batches_to_end": (*task_prefix(done[2].id), 1),
        "read_hosted_log": (ID, 9_000, 0, 10),
        "first_hosted_log": (ID,),
    }
    task = hosted_task(done[0].id, "app0", "pay")
    assert (await hosting.code.hosted())[0].unfinished
    assert (await hosting.deployments.resolve("default", "kernel", "app0", "pay", "v0")).task == task
    if store.kind == "sqlite":
        touched = {name: await sqlite_steps(store, name, params) for name, params in hot.items()}
        assert {name: steps for name, steps in touched.items() if steps > 2} == {}
        return
    from stook.store.postgres.connect import connect

    connection = await connect(store.store.url, "stook", timeout=None)
    try:
        for statistics, said in STATISTICS.items():
            await store.tables.connection.execute(said)
            touched = {name: await postgres_rows(connection, name, params) for name, params in hot.items()}
            assert {name: rows for name, rows in touched.items() if rows > 40} == {}, statistics
            assert touched["resolve_hosted"] <= 4
    finally:
        await connection.close()


def log_lines():
    return [(ID, number, number, None, number, "text") for number in range(10_000)]
