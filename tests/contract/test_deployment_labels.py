"""Who has a label, what is meant by one, and who stops when it moves."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.deployment import DeploymentState, NotDeployed
from stook.core.deployment_labels import static_label
from stook.core.hosted import hosted_task
from tests.contract.deployed import Hosting, app


@pytest.fixture
def hosting(store, tmp_path):
    return Hosting(store, tmp_path)


async def resolved(hosting, label="latest", name="shop", action="pay", dialect="kernel"):
    found = await hosting.deployments.resolve("default", dialect, name, action, label)
    return found.what if isinstance(found, NotDeployed) else (found.deployment_id, found.label)


async def test_what_a_submission_is_pinned_to(hosting):
    done = await hosting.deploy("v1", app("a/b", "x y"))
    found = await hosting.deployments.resolve("default", "kernel", "a/b", "x y", "v1")
    assert found.task == hosted_task(done.id, "a/b", "x y")
    (version,) = (await hosting.deployments.versions("default")).items
    assert (found.version_id, found.deployment_id, found.label) == (version.id, done.id, "v1")


async def test_what_is_not_there_is_named(hosting):
    assert await resolved(hosting) == "app"
    await hosting.create()
    assert await resolved(hosting) == "app"  # it is not running yet
    await hosting.code.publish(await hosting.build(), [app()])
    assert await resolved(hosting, action="refund") == "action"
    assert await resolved(hosting, label="v9") == "label"
    assert await resolved(hosting, name="other") == "app"
    assert await resolved(hosting, dialect="vellum") == "app"
    assert await resolved(hosting, name="a\0") == "app"


async def test_latest_is_the_newest_running_unless_something_is_called_so(store, hosting):
    first = await hosting.deploy("v1")
    store.clock.advance(1)
    second = await hosting.deploy("v2")
    assert await resolved(hosting) == (second.id, "v2")
    assert await resolved(hosting, "v1") == (first.id, "v1")
    store.clock.advance(1)
    literal = await hosting.deploy("latest")
    store.clock.advance(1)
    await hosting.deploy("v3")
    assert await resolved(hosting) == (literal.id, "latest")


async def test_newest_is_who_ran_last_not_who_came_last(store, hosting):
    early = await hosting.create("v1")
    slow = await hosting.build()
    store.clock.advance(1)
    late = await hosting.deploy("v2")
    assert await resolved(hosting) == (late.id, "v2")
    store.clock.advance(1)
    await hosting.code.publish(slow, [app()])
    assert await resolved(hosting) == (early.id, "v1")


async def test_latest_moves_and_whoever_lost_its_last_label_stops(hosting):
    first = await hosting.deploy()
    (before,) = (await hosting.deployments.versions("default")).items
    second = await hosting.deploy()
    (after,) = (await hosting.deployments.versions("default")).items
    assert (before.id, before.deployment_id, after.deployment_id) == (after.id, first.id, second.id)
    assert (await hosting.state(first), await hosting.state(second)) == ("stopped", "running")


async def test_who_keeps_a_label_of_another_app_goes_on(hosting):
    first = await hosting.deploy("latest", app("shop"), app("stock"))
    second = await hosting.deploy("latest", app("shop"))
    assert await hosting.state(first) == "running"
    assert await hosting.labels() == {("shop", "latest"): second.id, ("stock", "latest"): first.id}
    assert await resolved(hosting) == (second.id, "latest")
    third = await hosting.deploy("latest", app("stock"))
    assert await hosting.state(first) == "stopped"
    assert await hosting.labels() == {("shop", "latest"): second.id, ("stock", "latest"): third.id}


async def test_a_running_label_is_taken_with_force_alone(hosting):
    first = await hosting.deploy("v1", app("shop"), app("stock"))
    refused = await hosting.deploy("v1", app("stock"), app("new"))
    assert refused.state is DeploymentState.failed
    assert "'stock'" in refused.reason
    assert "'v1'" in refused.reason
    assert "'new'" not in refused.reason
    assert await hosting.labels() == {("shop", "v1"): first.id, ("stock", "v1"): first.id}
    forced = await hosting.deploy("v1", app("stock"), app("new"), force=True)
    assert await hosting.labels() == {("shop", "v1"): first.id, ("stock", "v1"): forced.id, ("new", "v1"): forced.id}


async def test_a_label_that_nothing_runs_under_is_free(hosting):
    first = await hosting.deploy("v1")
    await hosting.deployments.delete("default", first.id)
    assert (await hosting.deploy("v1")).state is DeploymentState.running


async def test_projects_and_dialects_do_not_share_labels(hosting):
    mine = await hosting.deploy("v1")
    assert (await hosting.deploy("v1", dialect="stook")).state is DeploymentState.running
    assert (await hosting.deploy("v1", project="other")).state is DeploymentState.running
    assert await hosting.labels(dialect="kernel") == {("shop", "v1"): mine.id}


async def test_of_two_that_race_for_a_label_the_last_to_run_has_it(hosting):
    made = [await hosting.create() for _ in range(4)]
    tokens = [await hosting.build() for _ in made]
    done = await asyncio.gather(*(hosting.code.publish(token, [app()]) for token in tokens))
    assert {one.id for one in done} == {one.id for one in made}
    (winner,) = (await hosting.labels()).values()
    states = {one.id: await hosting.state(one) for one in made}
    assert states.pop(winner) == "running"
    assert set(states.values()) == {"stopped"}


async def test_of_two_that_race_for_a_label_without_force_one_fails(hosting):
    made = [await hosting.create("v1") for _ in range(4)]
    tokens = [await hosting.build() for _ in made]
    done = await asyncio.gather(*(hosting.code.publish(token, [app()]) for token in tokens))
    assert sorted(one.state.value for one in done) == ["failed", "failed", "failed", "running"]


async def test_a_release_of_vellum_keeps_a_tag_of_its_own(hosting):
    first = await hosting.deploy(dialect="vellum", facts={"release_tags": ["prod", "v1"]})
    second = await hosting.deploy(dialect="vellum", facts={"release_tags": ["prod"]})
    assert await hosting.labels() == {
        ("shop", "LATEST"): second.id,
        ("shop", "prod"): second.id,
        ("shop", "v1"): first.id,
        ("shop", static_label(first.id)): first.id,
        ("shop", static_label(second.id)): second.id,
    }
    assert await hosting.state(first) == "running"
    assert await resolved(hosting, "LATEST", dialect="vellum") == (second.id, "LATEST")
    assert await resolved(hosting, "v2", dialect="vellum") == "label"
    assert await resolved(hosting, "latest", dialect="vellum") == "label"


async def test_a_tag_is_moved_by_hand(store, hosting):
    first = await hosting.deploy(dialect="vellum", facts={"release_tags": ["prod"]})
    second = await hosting.deploy(dialect="vellum")
    store.clock.advance(5)
    move = hosting.deployments.move_label
    moved = await move("default", "vellum", "shop", "prod", second.id)
    assert (moved.deployment_id, moved.label, moved.moved_at) == (second.id, "prod", store.clock.now)
    assert await hosting.state(first) == "running"
    assert await move("default", "vellum", "other", "prod", second.id) is None
    assert await move("other", "vellum", "shop", "prod", second.id) is None
    assert await move("default", "vellum", "shop", "prod", "nobody") is None
    assert (await hosting.labels())["shop", "prod"] == second.id


async def test_a_moved_label_stops_who_has_no_other(hosting):
    first = await hosting.deploy("v1", dialect="stook")
    second = await hosting.deploy("v2", dialect="stook")
    await hosting.deployments.move_label("default", "stook", "shop", "v1", second.id)
    assert (await hosting.state(first), await hosting.state(second)) == ("stopped", "running")
    assert await hosting.deployments.move_label("default", "stook", "shop", "v1", first.id) is None  # it has stopped


async def test_all_of_it_at_once_from_two_processes(store, other, hosting, tmp_path):
    """Nobody waits for somebody who waits for him; and what runs has a label, what has none does not run."""
    store.audited = other.audited = False
    sides = [hosting, Hosting(other, tmp_path)]
    for turn in range(6):
        made = [await hosting.create("latest" if n % 2 else f"v{n}", force=True) for n in range(6)]
        orders = [await sides[n % 2].code.take_build(f"h{n}") for n in range(6)]
        running = (await hosting.deployments.list("default", label="v0")).items[-1:]
        await asyncio.gather(
            *(sides[n % 2].code.publish(order.token, [app("shop"), app("stock")]) for n, order in enumerate(orders)),
            *(sides[turn % 2].deployments.delete("default", one.id) for one in (*running, made[0])),
            *(sides[n % 2].code.renew_build(order.token) for n, order in enumerate(orders)),
            *(side.deployments.move_label("default", "kernel", "shop", "prod", made[1].id) for side in sides),
            *(side.code.write_log(made[2].id, ["a", "b"]) for side in sides),
            *(side.code.upkeep() for side in sides),
        )
    rows = await store.tables.fetch(
        "select distinct deployment_id from hosted_version", "select id from hosted_deployment where state = 'running'"
    )
    labelled, runs = ({row[0] for row in one} for one in rows)
    assert labelled == runs
