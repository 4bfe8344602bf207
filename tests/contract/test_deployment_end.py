"""A deployment is deleted: nobody sees it, what waits for it ends, what runs goes on, and its code goes last."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.deployment import Action, App, NotDeployed
from stook.core.errors import Conflict
from stook.core.hosted import hosted_queue, hosted_task, key_name
from stook.core.hosted_reason import DEPLOYMENT_DELETED
from stook.core.policy import RateLimit, TaskPolicy
from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.engine.catalogue import Catalogue
from stook.engine.deployment_upkeep import tidy_deployments
from stook.engine.keys import Keys
from stook.engine.quota import Quotas
from stook.store.script.change import NewInput, edit_item
from stook.store.script.deployment_end import end_pinned
from stook.store.script.pause import pause
from stook.store.script.retry import retry
from tests.contract.batches import batch_of, fail, send, states_of, submit_items, succeed, take, take_one
from tests.contract.deployed import Hosting, app, pinned

DAY = 86_400


@pytest.fixture
def hosting(store, tmp_path):
    return Hosting(store, tmp_path)


async def tasks_of(deployment):
    return [hosted_task(deployment.id, one.name, action.name) for one in deployment.apps for action in one.actions]


async def blobs(store):
    (rows,) = await store.tables.fetch("select count(*) from blob")
    return rows[0][0]


async def test_it_is_gone_from_view_and_nothing_is_submitted_to_it(hosting):
    done = await hosting.deploy()
    assert await hosting.deployments.delete("other", done.id) is False
    assert await hosting.deployments.delete("default", done.id) is True
    assert await hosting.deployments.delete("default", done.id) is False
    assert (await hosting.deployments.list("default")).items == []
    assert (await hosting.deployments.versions("default")).items == []
    assert await hosting.deployments.resolve("default", "kernel", "shop", "pay", "latest") == NotDeployed("app")
    shown = await hosting.deployments.get("default", done.id)
    assert (shown.state.value, shown.deleted) == ("stopped", True)
    assert await hosting.deployments.delete("default", "nobody\0") is False


async def test_deleting_brings_an_older_label_back_to_latest(store, hosting):
    old = await hosting.deploy("v1")
    store.clock.advance(1)
    new = await hosting.deploy("v2")
    await hosting.deployments.delete("default", new.id)
    found = await hosting.deployments.resolve("default", "kernel", "shop", "pay", "latest")
    assert found.deployment_id == old.id


@pytest.mark.parametrize("built", [False, True])
async def test_one_that_never_ran_has_failed(hosting, built):
    made = await hosting.create()
    token = await hosting.build() if built else None
    await hosting.deployments.delete("default", made.id)
    shown = await hosting.deployments.get("default", made.id)
    assert (shown.state.value, shown.reason) == ("failed", "deleted before it was running")
    assert await hosting.code.take_build("h") is None
    if token:
        assert await hosting.code.publish(token, [app()]) is None
        assert not await hosting.code.renew_build(token)
    assert await hosting.labels() == {}


async def test_what_waits_for_it_ends_and_what_runs_goes_on(store, hosting):
    done, other = await hosting.deploy("v1"), await hosting.deploy("v2")
    batch, spared = await pinned(store, done, 10), await pinned(store, other, 2)
    paused = await pinned(store, done, 2)
    await store.write(pause, paused, reason="a look")
    single = await pinned(store, done, 1, single=True)
    native = await submit_items(store, 2)
    claimed = await take(store, 4, tasks=await tasks_of(done))
    assert await hosting.deployments.delete("default", done.id)
    states = await states_of(store, batch)
    running = [one.first + offset for one in claimed.slices if one.batch_id == batch for offset in one.offsets]
    assert len(running) == 4
    assert [states[n] == State.cancelled for n in range(10)] == [n not in running for n in range(10)]
    assert set(await states_of(store, paused)) == set(await states_of(store, single)) == {State.cancelled}
    assert (await batch_of(store, paused)).reason == DEPLOYMENT_DELETED
    assert {*await states_of(store, spared), *await states_of(store, native)} == {State.queued}
    (served, _) = sorted(await hosting.code.hosted(), key=lambda one: one.deployment.label)
    assert (served.deployment.id, served.unfinished) == (done.id, True)
    await send(store, *(succeed(one) for one in claimed.slices))
    ended = await batch_of(store, batch)
    assert (ended.phase, ended.succeeded, ended.cancelled, ended.reason) == ("closed", 4, 6, DEPLOYMENT_DELETED)
    assert [one.deployment.id for one in await hosting.code.hosted()] == [other.id]


async def test_many_batches_end_in_bites(store, hosting):
    store.audited = False
    done = await hosting.deploy()
    ids = [await pinned(store, done, 1, single=True) for _ in range(120)]
    bites = []
    while ended := await store.write(end_pinned, done.id, "enough"):
        bites.append(ended)
    assert bites == [50, 50, 20]
    store.audited = True
    for batch in ids[::40]:
        assert set(await states_of(store, batch)) == {State.cancelled}


async def test_whoever_had_resolved_it_before_is_ended_by_the_next_look(store, hosting):
    done = await hosting.deploy()
    await hosting.deployments.delete("default", done.id)
    late = await pinned(store, done)
    assert await tidy_deployments(store, hosting.code._blobs) == 2  # the batch, the archive
    assert set(await states_of(store, late)) == {State.cancelled}


async def test_a_task_that_only_looks_hosted_is_left_alone(store, hosting):
    name = f"{'x' * 36}/of/mine"
    mine = await submit_items(store, 2, task=name)
    await hosting.code.upkeep()
    assert set(await states_of(store, mine)) == {State.queued}
    assert await hosting.code.hosted() == []


async def test_its_archive_goes_once_nothing_needs_it(store, hosting):
    done = await hosting.deploy(env={"A": "1"})
    await hosting.code.write_log(done.id, ["built"])
    await pinned(store, done, 1)
    claimed = await take(store, 1, tasks=await tasks_of(done))
    await hosting.deployments.delete("default", done.id)
    await hosting.code.upkeep()
    assert await blobs(store) == 1
    await send(store, *(succeed(one) for one in claimed.slices))
    assert await hosting.code.upkeep() == 1
    assert await blobs(store) == 0
    rows = await store.tables.fetch("select env from hosted_deployment", "select text from hosted_log")
    assert [list(map(tuple, one)) for one in rows] == [[(None,)], []]
    assert await Catalogue(store, "default").list() == []
    assert (await hosting.deployments.get("default", done.id)).state.value == "stopped"
    assert await hosting.code.upkeep() == 0


async def test_keys_that_a_killed_host_gave_its_code_go_with_it(store, hosting):
    done, other = await hosting.deploy(), await hosting.deploy("v2")
    keys = Keys(store)
    for name in (key_name(done.id, "h"), f"deployment {done.id}", key_name(other.id, "h"), "mine"):
        await keys.create("default", name, ["read"])
    await hosting.deployments.delete("default", done.id)
    await hosting.code.upkeep()
    left = {one.name for one in await keys.list("default") if one.revoked_at is None}
    assert left == {key_name(other.id, "h"), "mine"}
    await keys.close()


async def test_what_stopped_is_kept_for_a_while_and_served_while_something_is_unfinished(store, hosting):
    old = await hosting.deploy()
    batch = await pinned(store, old, 2)
    store.clock.advance(1)
    await hosting.deploy()
    assert {one.deployment.id: one.unfinished for one in await hosting.code.hosted()}[old.id] is True
    claimed = await take(store, tasks=await tasks_of(old))
    await send(store, *(succeed(one) for one in claimed.slices))
    assert set(await states_of(store, batch)) == {State.succeeded}
    assert old.id not in {one.deployment.id for one in await hosting.code.hosted()}
    store.clock.advance(6 * DAY)
    assert await hosting.code.upkeep() == 0
    store.clock.advance(2 * DAY)
    assert await hosting.code.upkeep() == 1
    assert await blobs(store) == 1
    listed = (await hosting.deployments.list("default")).items
    assert [one.id for one in listed][-1] == old.id  # it is still shown
    late = await pinned(store, old, 2)
    await hosting.code.upkeep()
    assert set(await states_of(store, late)) == {State.cancelled}
    assert "not kept" in (await batch_of(store, late)).reason


async def test_what_vellum_shows_for_good_is_kept(store, hosting):
    await hosting.deploy(dialect="vellum", facts={"sandbox_only": True})
    store.clock.advance(30 * DAY)
    assert await hosting.code.upkeep() == 0
    assert await blobs(store) == 1


async def test_what_never_came_whole_is_forgotten(store, hosting):
    async def dying(*_):
        raise KeyboardInterrupt

    archives = hosting.deployments._archives
    archives.put, archives.drop = dying, dying  # as a process that is killed between
    with pytest.raises(KeyboardInterrupt):
        await hosting.create()
    assert await hosting.code.upkeep() == 0
    store.clock.advance(3601)
    assert await hosting.code.upkeep() == 1
    (rows,) = await store.tables.fetch("select id from hosted_deployment")
    assert not rows


async def test_deleting_and_submitting_and_working_at_the_same_time_loses_nothing(store, hosting):
    done = await hosting.deploy()
    store.audited = False
    tasks = await tasks_of(done)
    queue = hosted_queue("kernel", "shop")
    first = [await submit_items(store, 5, task=tasks[0], queue=queue) for _ in range(5)]

    async def work():
        for _ in range(5):
            claimed = await take(store, 3, tasks=tasks)
            await send(store, *(succeed(one) for one in claimed.slices))

    await asyncio.gather(work(), hosting.deployments.delete("default", done.id), work(), hosting.code.upkeep())
    store.audited = True
    await hosting.code.upkeep()
    for batch in first:
        found = await batch_of(store, batch)
        assert found.phase == "closed"
        assert found.succeeded + found.cancelled == 5


async def failed_on(store, deployment):
    batch = await pinned(store, deployment, 2)
    one = await take_one(store, 2, tasks=await tasks_of(deployment))
    await send(store, fail(one, 0, retryable=False), succeed(one, [1]))
    return batch


async def test_a_retry_has_a_stopped_deployment_served_again_until_it_is_done(store, hosting):
    old = await hosting.deploy()
    batch = await failed_on(store, old)
    new = await hosting.deploy()
    assert [one.deployment.id for one in await hosting.code.hosted()] == [new.id]
    mark = store.store.mark()
    assert await store.write(retry, batch, RetryScope()) == 1
    assert await store.store.wait(("deployments",), 0, mark), "hosts hear of it"
    found = {one.deployment.id: one.unfinished for one in await hosting.code.hosted()}
    assert found == {old.id: True, new.id: False}
    await send(store, succeed(await take_one(store, tasks=await tasks_of(old))))
    assert [one.deployment.id for one in await hosting.code.hosted()] == [new.id]


@pytest.mark.parametrize("why", ["deleted", "not kept any more"])
async def test_a_retry_on_code_that_is_gone_is_refused_and_changes_nothing(store, hosting, why):
    old = await hosting.deploy()
    batch = await failed_on(store, old)
    await hosting.deploy()
    if why == "deleted":
        await hosting.deployments.delete("default", old.id)
    else:
        store.clock.advance(8 * DAY)
        await hosting.code.upkeep()
    before = await states_of(store, batch)
    for act in (
        lambda: store.write(retry, batch, RetryScope()),
        lambda: store.write(edit_item, batch, NewInput(0, b"7"), again=True),
    ):
        with pytest.raises(Conflict, match=f"deployment {old.id}.* {why}"):
            await act()
    assert await states_of(store, batch) == before
    names = {one.name for one in await Catalogue(store, "default").list()}
    assert not names & set(await tasks_of(old)), "nothing more is submitted to it"


async def test_limits_of_its_tasks_stay_while_something_runs_and_go_with_its_code(store, hosting):
    policy = TaskPolicy(max_concurrency=3, rates=(RateLimit(5, 1),))
    actions = (Action("pay", policy=policy), Action("p2", policy=policy))
    done, other = [await hosting.deploy(label, App("shop", actions), dialect="stook") for label in ("v1", "v2")]
    limits = Quotas(store, "default")
    for task in (*await tasks_of(done), *await tasks_of(other), "pay"):
        await limits.declare(task, 3)

    async def limited():
        return [
            {row[0] for (rows,) in [await store.tables.fetch(f"select {name} from {table}")] for row in rows}
            for name, table in (("task", "task_terms"), ("name", "quota"))
        ]

    every, left = {*await tasks_of(done), *await tasks_of(other)}, set(await tasks_of(other))
    await pinned(store, done, 1)
    one = await take_one(store, tasks=await tasks_of(done))
    await hosting.deployments.delete("default", done.id)
    await hosting.code.upkeep()
    assert await limited() == [every, every | {"pay"}]
    await send(store, succeed(one))
    await hosting.code.upkeep()
    assert await limited() == [left, left | {"pay"}]
