"""What is asked of deployments, for each submission or all the time, goes by an index, however much there is."""

from __future__ import annotations

import re
import uuid

import pytest

from stook.core.hosted import hosted_task, task_prefix, version_id
from stook.store.script.hosted_place import HostedPlace
from stook.store.script.submit import submit
from stook.store.statement import Each, Many
from stook.store.statements import load
from tests.contract.batches import chunked, new_batch
from tests.contract.deployed import Hosting, app, pinned
from tests.contract.test_plans import STATISTICS, planned, postgres_rows, sqlite_steps
from tests.contract.test_server_plans import DERIVED

ID = "7007bc1d-06ea-4f14-b8a7-faf7f94e72ba"
RANGE = task_prefix(ID)
BATCH = b"\1" * 16
ASKED = {
    "delete_hosted_deployment": (ID,),
    "delete_hosted_versions": (ID,),
    "drop_hosted_quotas": ("p", *RANGE),
    "drop_hosted_tasks": ("p", *RANGE),
    "drop_hosted_terms": ("p", *RANGE),
    "find_hosted_version": ("v", "p"),
    "first_hosted_log": (ID,),
    "hosted_batches_to_end": (*RANGE, 50),
    "hosted_keys": (),
    "labelled_deployments": (ID,),
    "last_hosted_event": (BATCH, 0, "workflow.execution.initiated"),
    "latest_hosted_actual": (BATCH, 0),
    "list_hosted_deployments": ("p", None, None, None, None, 50, 0),
    "list_hosted_versions": ("p", "kernel", "shop", None, None, None, 50, 0),
    "live_hosted": (),
    "lock_hosted_build": (5,),
    "lock_hosted_deployment": (ID,),
    "lock_hosted_log": (ID,),
    "lock_next_build": (5,),
    "look_hosted_build": (5,),
    "purge_hosted_actual": (BATCH, 5),
    "purge_hosted_batch": (BATCH, 5),
    "purge_hosted_event": (BATCH, 5),
    "purge_hosted_log": (ID,),
    "purge_hosted_log_end": (ID,),
    "purge_workflow_event": (BATCH, 5),
    "read_hosted_apps": (ID,),
    "read_hosted_builders": (),
    "read_hosted_deployment": (ID,),
    "read_hosted_env": (ID,),
    "read_hosted_log": (ID, 5, 0, 500),
    "read_hosted_versions": ("p", "kernel", "shop", "v1"),
    "release_hosted_build": (5,),
    "renew_hosted_build": (5, 5),
    "resolve_hosted": ("p", "kernel", "shop", "v1"),
    "running_hosted": (),
    "spent_hosted": (5, 5, 100),
    "trim_hosted_log": (ID, 5, 5),
    "workflow_of_batch": (BATCH,),
}
BY = {
    "hosted_keys": "api_key_hosted",
    "hosted_batches_to_end": "batch_hosted",
    "list_hosted_deployments": "hosted_deployment_listed",
    "live_hosted": "batch_hosted",
    "lock_next_build": "hosted_deployment_build",
    "read_hosted_builders": "hosted_deployment_token",
    "running_hosted": "hosted_deployment_served",
    "spent_hosted": "hosted_deployment_kept",
}
OURS = DERIVED | {"CONSTANT", "live", "literal", "newest"}
WHOLE = {"hosted_keys", "running_hosted", "spent_hosted", "lock_next_build", "read_hosted_builders"}
"""These go through an index that holds nothing else."""


async def plan_of(store, name):
    sql, params = load(f"stook.store.{store.kind}")[name], ASKED[name]
    if store.kind == "sqlite":
        return [row[3] for row in store.tables._connection.execute(f"explain query plan {sql}", params)]
    connection = store.tables.connection
    given = [[value] if "unnest(" in sql or "any($" in sql else value for value in params]
    return await planned(connection, sql, given)


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
    """Five thousand labels of one app, as many of others, what waits for a few deployments, as many that have stopped
    or failed, keys of hosts that are gone, and workflows that have run."""
    rows = []
    for number in range(10_000):
        key = ("p", "kernel", "shop" if number % 2 else f"a{number}", f"v{number}")
        rows.append((*key, version_id(*key), ID, number))
    yield Many("upsert_hosted_version", rows)
    yield Many("insert_hosted_app", [(ID, "shop", "p", "kernel", "shop", '["pay"]', "[]")])
    ended, keys, events, actuals, told = [], [], [], [], []
    for number in range(3000):
        batch, one = uuid.UUID(int=number).bytes, str(uuid.UUID(int=number))
        words = ("p", "kernel", "python", "stopped" if number % 2 else "failed", None, "v1", 0, "main.py", "{}", "", "")
        ended.append((one, *words, 0, "[]", "{}", number, number, None, 0, 1, 0, None, None, None, 0, None))
        keys.append((f"k{number}", "p", f"deployment {one} of h", "read", b"d", number))
        events += [(batch, 0, f"{number}-{at}", "node.execution.initiated", at, b"{}") for at in range(3)]
        actuals += [(batch, 0, at, b"{}") for at in range(3)]
        told.append((batch, 0, "workflow.execution.initiated"))
    yield Many("insert_hosted_deployment", ended)
    yield Many("insert_key", keys)
    for key_id, *_ in keys:
        yield Many("update_key", [(key_id, b"d", None, None, 5)])
    yield Many("insert_hosted_event", events)
    yield Many("insert_hosted_actual", actuals)
    yield Each("tell_workflow_event", told)


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
        "read_hosted_versions": ("p", "kernel", "shop", "v4001"),
        "find_hosted_version": (version_id("p", "kernel", "shop", "v4001"), "p"),
        "lock_next_build": (5,),
        "spent_hosted": (5, 5, 100),
        "running_hosted": (),
        "hosted_keys": (),
        "workflow_of_batch": (await workflow_of(store),),
        "last_hosted_event": (BATCH, 0, "node.execution.initiated"),
        "latest_hosted_actual": (BATCH, 0),
        "purge_hosted_event": (BATCH, 5),
        "purge_hosted_actual": (BATCH, 5),
        "purge_workflow_event": (BATCH, 5),
        "list_hosted_deployments": ("p", "kernel", None, None, None, 5, 0),
    }
    task = hosted_task(done[0].id, "app0", "pay")
    assert (await hosting.code.hosted())[0].unfinished
    assert (await hosting.deployments.resolve("default", "kernel", "app0", "pay", "v0")).task == task
    if store.kind == "sqlite":
        looks = {name: params for name, params in hot.items() if not name.startswith("purge_")}
        touched = {name: await sqlite_steps(store, name, params) for name, params in looks.items()}
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


async def workflow_of(store):
    """A batch of a workflow, among as many others as there are deployments' labels."""
    last = b""
    for number in range(300):
        new = new_batch(store, project="p", single=True, hosted=HostedPlace("vellum", "w", "a", "l", "v", ID))
        await store.write(submit, new, chunked([b"%d" % number]))
        last = new.id
    return last


def log_lines():
    return [(ID, number, number, None, number, "text") for number in range(10_000)]
