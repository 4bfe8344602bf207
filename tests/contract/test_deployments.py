"""A deployment comes, is built by one host at a time, and runs; what was secret stays so."""

from __future__ import annotations

import asyncio
import sys
import uuid

import pytest

from stook.core.deployment import Action, App, DeploymentState, Source
from stook.core.errors import Conflict, NotFound, OptionError, StoreError
from stook.core.hosted import hosted_queue, hosted_task
from stook.engine import process
from stook.engine.actions import Actions
from stook.engine.catalogue import Catalogue
from stook.engine.requests import Requests, Ticket
from stook.store.script.deployment_build import take_build
from tests.contract.deployed import Hosting, app


@pytest.fixture
def hosting(store, tmp_path):
    return Hosting(store, tmp_path)


async def test_it_is_shown_as_it_was_made_and_its_archive_comes_back_whole(store, hosting, tmp_path):
    archive = tmp_path / "large.zip"
    archive.write_bytes(bytes(range(256)) * 4096 * 2 + b"tail")  # two pieces and a bit
    made = await hosting.create(
        "v1",
        archive=archive,
        force=True,
        env={"B": "2", "A": "secret"},
        source=Source("github", "https://example.com/r", "main", "app"),
        facts={"x": [1]},
    )
    assert made.state is DeploymentState.queued
    assert (made.label, made.force, made.entrypoint, made.runtime) == ("v1", True, "main.py", "python")
    assert (made.env_names, made.facts, made.source.ref) == (("A", "B"), {"x": [1]}, "main")
    assert made.archive_bytes == archive.stat().st_size
    assert made == await hosting.deployments.get("default", made.id)
    assert await hosting.deployments.get("other", made.id) is None
    order = await hosting.code.take_build("h")
    assert order.env == {"A": "secret", "B": "2"}
    await hosting.code.copy_archive(order.deployment, tmp_path / "copy.zip")
    assert (tmp_path / "copy.zip").read_bytes() == archive.read_bytes()
    pieces = [piece async for piece in hosting.deployments.archive("default", made.id)]
    assert b"".join(pieces) == archive.read_bytes()
    (rows,) = await store.tables.fetch("select length(body) from blob")
    assert max(map(len, pieces)) == max(row[0] for row in rows) == 2**20


async def test_values_of_its_environment_are_sealed_at_rest_and_in_no_text(store, hosting):
    made = await hosting.create(env={"KEY": "hunter2"})
    (rows,) = await store.tables.fetch("select * from hosted_deployment")
    assert all(b"hunter2" not in bytes(one) for row in rows for one in row if isinstance(one, bytes | memoryview))
    assert all("hunter2" not in one for row in rows for one in row if isinstance(one, str))
    order = await hosting.code.take_build("h")
    assert "hunter2" not in f"{made!r} {order!r}"
    await hosting.code.publish(order.token, [app()])
    (served,) = await hosting.code.hosted()
    assert served.env == {"KEY": "hunter2"}
    assert "hunter2" not in repr(served)


async def test_an_environment_that_no_key_opens_fails_the_build_and_says_so(store, hosting, tmp_path):
    made = await hosting.create(env={"KEY": "v"})
    other = Hosting(store, tmp_path)  # another key
    assert await other.code.take_build("h") is None
    failed = await hosting.deployments.get("default", made.id)
    assert failed.state is DeploymentState.failed
    assert "opens this secret" in failed.reason


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"label": ""}, "label"),
        ({"label": "a\0b"}, "label"),
        ({"env": {"A=B": "x"}}, "A=B"),
        ({"env": {"A": "x\0y"}}, "NUL"),
        ({"env": {"A": "x" * 300_000}}, "environment"),
        ({"archive": None}, "archive"),
        ({"project": "webhook/x"}, "webhook/"),
        ({"deployment_id": "seven"}, "UUID"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_left(store, hosting, options, says):
    with pytest.raises(OptionError, match=says):
        await hosting.create(**options)
    (rows,) = await store.tables.fetch("select id from hosted_deployment")
    assert not rows


async def test_an_archive_that_breaks_off_leaves_nothing(store, hosting, tmp_path):
    with pytest.raises(IsADirectoryError):
        await hosting.create(archive=tmp_path)
    rows = await store.tables.fetch("select id from hosted_deployment", "select name from blob")
    assert rows == [[], []]


async def test_an_id_of_ones_own_is_taken_once(hosting):
    mine = str(uuid.uuid4())
    assert (await hosting.create(deployment_id=mine)).id == mine
    with pytest.raises(Conflict):
        await hosting.create(deployment_id=mine)
    assert (await hosting.deployments.get("default", mine)).state is DeploymentState.queued


async def test_what_could_not_be_fetched_is_there_as_failed(store, hosting):
    made = await hosting.create(archive=None, failed="github answered 404", source=Source("github", "u", "r"))
    assert (made.state, made.reason) == (DeploymentState.failed, "github answered 404")
    assert await hosting.code.take_build("h") is None
    assert [one.id for one in (await hosting.deployments.list("default")).items] == [made.id]
    with pytest.raises(NotFound):
        await anext(hosting.deployments.archive("default", made.id))


async def test_the_checksum_shown_may_be_of_what_it_was_made_from(hosting, tmp_path):
    made = await hosting.create(checksum="ab" * 32)
    assert made.checksum == "ab" * 32
    await hosting.code.copy_archive(made, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == hosting.archive.read_bytes()


async def test_a_damaged_archive_is_not_handed_out(store, hosting, tmp_path):
    made = await hosting.create()
    await hosting.code._archives._blobs.put(uuid.UUID(made.id).bytes, "archive-000000", b"other")
    with pytest.raises(StoreError, match="does not match its hash"):
        await hosting.code.copy_archive(made, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


async def test_each_is_taken_by_one_host_the_oldest_first(store, hosting):
    made = []
    for label in ("v1", "v2", "v3"):
        made.append(await hosting.create(label))
        store.clock.advance(1)
    first = await hosting.code.take_build("h")
    assert (first.deployment.id, first.deployment.state) == (made[0].id, DeploymentState.building)
    orders = await asyncio.gather(*(hosting.code.take_build(f"h{n}") for n in range(4)))
    assert sorted(order.deployment.id for order in orders if order) == sorted(one.id for one in made[1:])


async def test_a_lost_host_is_followed_by_another_which_alone_may_publish(store, hosting):
    made = await hosting.create()
    first = await hosting.build("a")
    assert await hosting.code.take_build("b") is None
    store.clock.advance(20)
    assert await hosting.code.renew_build(first)
    store.clock.advance(20)
    assert await hosting.code.take_build("b") is None
    store.clock.advance(20)
    second = await hosting.build("b")
    assert not await hosting.code.renew_build(first)
    assert await hosting.code.publish(first, [app()]) is None
    assert not await hosting.code.fail_build(first, "late")
    assert await hosting.state(made) == "building"
    assert (await hosting.code.publish(second, [app()])).state is DeploymentState.running
    assert await hosting.code.publish(second, [app()]) is None


async def test_the_third_lost_host_is_the_last(store, hosting):
    made = await hosting.create()
    for host in "abc":
        await hosting.build(host)
        store.clock.advance(31)
    assert await hosting.code.take_build("d") is None
    failed = await hosting.deployments.get("default", made.id)
    assert (failed.state, failed.reason) == (DeploymentState.failed, "host lost")


async def test_what_a_dead_process_of_this_machine_was_building_is_taken_at_once_and_counts_as_lost(store, hosting):
    made = await hosting.create()
    for losses in (1, 2, 3):
        ended = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
        mark = f"a {process.process(ended.pid)} {process.host()}"
        await store.write(take_build, mark, losses, 30_000_000)
        assert await hosting.code.bury_builders() == 0
        ended.kill()
        await ended.wait()
        assert await hosting.code.bury_builders() == 1
    assert await hosting.code.take_build("b") is None
    failed = await hosting.deployments.get("default", made.id)
    assert (failed.state, failed.reason) == (DeploymentState.failed, "host lost")


async def test_a_build_that_is_given_back_is_taken_at_once_however_often(store, hosting):
    made = await hosting.create()
    for host in "abcd":
        token = await hosting.build(host)
        mark = hosting.listening._store.mark() if host == "a" else None
        assert await hosting.code.release_build(token)
        assert not await hosting.code.release_build(token)
        assert not await hosting.code.renew_build(token)
        if mark is not None:
            await asyncio.wait_for(hosting.listening._store.wait(("deployments",), 60, mark), 60)
    assert (await hosting.code.publish(await hosting.build(), [app()])).id == made.id


async def test_a_build_that_fails_says_why_and_is_not_built_again(hosting):
    made = await hosting.create()
    assert await hosting.code.fail_build(await hosting.build(), "ImportError: no module named x (main.py, line 3)")
    failed = await hosting.deployments.get("default", made.id)
    assert (failed.state, failed.reason) == (
        DeploymentState.failed,
        "ImportError: no module named x (main.py, line 3)",
    )
    assert await hosting.code.take_build("h") is None


async def test_publishing_registers_a_task_for_each_action(store, hosting):
    schema = {"type": "object"}
    actions = (Action("pay", schema, None, timeout=5.0), Action("re/fund"))
    done = await hosting.deploy("latest", App("shop", actions), App("stock", (Action("count"),)))
    assert done.state is DeploymentState.running
    assert done.running_at == store.clock.now
    assert [(one.name, [action.name for action in one.actions]) for one in done.apps] == [
        ("shop", ["pay", "re/fund"]),
        ("stock", ["count"]),
    ]
    assert done.apps[0].actions[0].input_schema == schema
    catalogue = Catalogue(store, "default")
    pay = await catalogue.find(hosted_task(done.id, "shop", "pay"))
    assert pay.queue == hosted_queue("kernel", "shop")
    assert (pay.policy.max_attempts, pay.policy.rerun_lost, pay.policy.timeout) == (1, False, 5.0)
    assert len(await catalogue.list()) == 3
    with pytest.raises(NotFound):
        await Catalogue(store, "other").find(pay.name)


@pytest.mark.parametrize(
    ("apps", "says"),
    [
        ((), "no app"),
        ((app("x" * 200),), "too many"),
        ((app("shop", "y" * 500),), "too long"),
        ((app("shop", "a\0b"),), "no database keeps"),
    ],
)
async def test_what_cannot_be_hosted_fails_with_the_reason(store, hosting, apps, says):
    made = await hosting.create()
    done = await hosting.code.publish(await hosting.build(), apps)
    assert done.state is DeploymentState.failed
    assert says in done.reason
    assert not await Catalogue(store, "default").list()
    assert await hosting.labels() == {}
    assert done.id == made.id


async def test_what_is_only_to_be_built_takes_no_label(hosting):
    before = await hosting.deploy(dialect="vellum", facts={"exec_config": 1})
    done = await hosting.deploy(dialect="vellum", facts={"sandbox_only": True})
    assert (done.state, done.reason) == (DeploymentState.stopped, None)
    assert done.facts == {"sandbox_only": True}
    assert set((await hosting.labels()).values()) == {before.id}


async def test_lists_are_paged_newest_first_and_filtered(store, hosting):
    made = []
    for number in range(5):
        store.clock.advance(1)
        made.append(await hosting.deploy(f"v{number}", app("Größe" if number % 2 else "shop")))
    ids = [one.id for one in reversed(made)]
    listed = hosting.deployments.list
    assert [one.id for one in (await listed("default")).items] == ids
    page = await listed("default", limit=2, offset=1)
    assert ([one.id for one in page.items], page.more) == (ids[1:3], True)
    assert (await listed("default", limit=2, offset=3)).more is False
    assert [one.label for one in (await listed("default", app="shop")).items] == ["v4", "v2", "v0"]
    assert [one.id for one in (await listed("default", app="shop", label="v2")).items] == [made[2].id]
    assert [one.label for one in (await listed("default", query="GRÖS")).items] == []
    assert [one.label for one in (await listed("default", query="RÖSSE".replace("SS", "ß"))).items] == ["v3", "v1"]
    assert [one.id for one in (await listed("default", query=made[3].id[:11])).items] == [made[3].id]
    assert (await listed("other")).items == []
    assert (await listed("default", dialect="vellum")).items == []
    assert (await listed("default", app="a\0")).items == []
    versions = await hosting.deployments.versions("default", app="shop", limit=2)
    assert ([one.label for one in versions.items], versions.more) == (["v4", "v2"], True)
    (one,) = (await hosting.deployments.versions("default", query="sho", label="v0")).items
    assert one == await hosting.deployments.version("default", one.id)
    assert await hosting.deployments.version("other", one.id) is None


async def test_a_store_in_which_somebody_is_slow_shows_no_half_of_it(store, hosting):
    """While its archive comes, nobody sees it or builds it."""
    seen = []
    put = hosting.deployments._archives._blobs.put

    async def looking(*piece):
        (row,) = (await store.tables.fetch("select id from hosted_deployment"))[0]
        seen.append(await hosting.deployments.get("default", row[0]))
        seen.append(await hosting.code.take_build("h"))
        seen.append((await hosting.deployments.list("default")).items)
        await put(*piece)

    hosting.deployments._archives._blobs.put = looking
    await hosting.create()
    assert seen == [None, None, []]


async def test_one_that_was_made_and_not_answered_is_found_again_under_its_key(store, hosting):
    """Its server died between the two: who sends it again gets that one, and nothing of the second is left."""
    made = []
    for _ in range(2):
        ticket = await Requests(store, "default").begin("key", "POST", "/deployments", "digest")
        assert isinstance(ticket, Ticket)
        by = Actions(store, "default").recording("deploy", None, "", "me", ticket=ticket)
        made.append(await hosting.create(by=by))
        store.clock.advance(3600)
    assert made[1] == made[0]
    assert [one.id for one in (await hosting.deployments.list("default")).items] == [made[0].id]
    (rows,) = await store.tables.fetch("select count(*) from hosted_deployment")
    assert rows[0][0] == 1
    (action,) = await Actions(store, "default").list()
    assert action.scope == f"deployment {made[0].id} under latest"
