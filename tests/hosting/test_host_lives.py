"""What a host lives through: kills, other hosts beside it and after it, newer code, a store that is away."""

from __future__ import annotations

import asyncio
import json

import pytest

from stook.core.errors import StoreFull, StoreUnavailable
from stook.core.hosted_reason import HostedReason
from stook.core.states import State
from stook.engine.keys import Keys
from stook.hosting import host as host_module
from stook.store.script.deployment_publish import publish
from stook.store.sqlite.driver import SqliteStore
from tests.hosting.code import write
from tests.hosting.test_host import APP, with_owner


def test_a_process_that_is_killed_before_it_begins_costs_its_run_nothing(tmp_path, hosting_folder):
    async def main(me):
        async with me.host():
            shop = await me.deploy(write(tmp_path / "a", main_dot_py=APP))
            assert (await me.outcome(shop, "trap")).state == State.succeeded
            works = await me.outcome(shop, "works", 1)
            assert (works.state, works.attempt) == (State.succeeded, 1)

    with_owner(tmp_path, hosting_folder, main)


@pytest.mark.parametrize(("kills", "state"), [(2, "running"), (3, "failed")])
def test_a_process_that_is_killed_while_it_loads_is_followed_by_another_but_not_for_ever(
    tmp_path, hosting_folder, kills, state
):
    code = f"""
        import os, stook
        killed = os.open({str(tmp_path / "killed")!r}, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        if len(os.read(killed, 100)) < {kills}:
            os.write(killed, b"x")
            os.kill(os.getpid(), 9)
        app = stook.App("shop")

        @app.task("works")
        def works(payload):
            pass
    """

    async def main(me):
        async with me.host():
            shop = await me.deploy(write(tmp_path / "a", main_dot_py=code))
            reasons = {"running": None, "failed": "the process that loaded the code was killed by signal SIGKILL"}
            assert (shop.state, shop.reason) == (state, reasons[state])

    with_owner(tmp_path, hosting_folder, main)


def test_a_store_that_is_away_for_a_moment_fails_no_build(tmp_path, hosting_folder, monkeypatch):
    write_, away = SqliteStore.write, [publish]

    async def write_when_there(store, verb, *args, **options):
        if verb in away:
            away.remove(verb)
            raise StoreUnavailable("the connection was lost")
        return await write_(store, verb, *args, **options)

    monkeypatch.setattr(SqliteStore, "write", write_when_there)

    async def main(me):
        async with me.host():
            shop = await me.deploy(write(tmp_path / "a", main_dot_py=APP))
            assert (shop.state, shop.reason, away) == ("running", None, [])
            assert (await me.outcome(shop, "works", 1)).state == State.succeeded

    with_owner(tmp_path, hosting_folder, main)


def test_a_host_that_stops_gives_its_build_back(tmp_path, hosting_folder, either):
    """However often: no host was lost."""
    code = f"""
        import os, stook, time
        began = os.open({str(tmp_path / "began")!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(began, b"x")
        while os.path.getsize({str(tmp_path / "began")!r}) < 4:
            time.sleep(0.01)
        app = stook.App("shop")

        @app.task("works")
        def works(payload):
            pass
    """

    async def main(me):
        deploying, began = None, tmp_path / "began"
        for turn in (1, 2, 3, 4):
            async with me.host():
                deploying = deploying or asyncio.ensure_future(me.deploy(write(tmp_path / "a", main_dot_py=code)))
                async with asyncio.timeout(60):
                    while not began.exists() or len(began.read_bytes()) < turn:
                        await asyncio.sleep(0.01)
                    if turn == 4:
                        assert (await deploying).state == "running"

    with_owner(tmp_path, hosting_folder, main, url=either)


def held(name):
    """An app whose `which` says its version, once the file is there that it is given."""
    return f"""
        import time, stook
        from pathlib import Path
        app = stook.App("shop")
        @app.task("which")
        def which(payload):
            while payload and not Path(payload).exists():
                time.sleep(0.01)
            return {name!r}
    """


def test_two_hosts_share_the_work_and_one_goes_on_alone(tmp_path, hosting_folder, either):
    async def main(me):
        go = tmp_path / "go"
        async with me.host() as first:
            async with me.host() as second:
                shop = await me.deploy(write(tmp_path / "a", main_dot_py=held("here")))
                each = [await me.submit(shop, "which", str(go)) for _ in range(2)]
                for one in each:
                    await me.running(one)
                async with asyncio.timeout(60):
                    while [sum(one.pool.busy for one in host.serving.values()) for host in (first, second)] != [1, 1]:
                        await asyncio.sleep(0.01)
                go.touch()
            assert [(await me.ended(one)).state for one in each] == [State.succeeded] * 2
            assert json.loads((await me.outcome(shop, "which")).result) == "here"
            assert list(first.serving) == [shop.id]

    with_owner(tmp_path, hosting_folder, main, url=either, hosting_replicas=1)


def test_what_has_stopped_claiming_is_served_anew(tmp_path, hosting_folder, monkeypatch):
    monkeypatch.setattr(host_module, "LOOK", 0.2)

    async def main(me):
        async with me.host() as host:
            shop = await me.deploy(write(tmp_path / "a", main_dot_py=held("here")))
            assert json.loads((await me.outcome(shop, "which")).result) == "here"
            host.serving[shop.id].runtime.give_up(StoreFull("no space left on the disk"))
            assert json.loads((await me.outcome(shop, "which")).result) == "here"

    with_owner(tmp_path, hosting_folder, main)


def test_what_waits_for_a_deleted_deployment_ends_and_what_runs_ends_as_it_would(
    tmp_path, hosting_folder, either, monkeypatch
):
    monkeypatch.setattr(host_module, "LOOK", 0.2)

    async def main(me):
        go = tmp_path / "go"
        async with me.host() as host:
            shop = await me.deploy(write(tmp_path / "a", main_dot_py=held("old")))
            runs = await me.submit(shop, "which", str(go))
            await me.running(runs)
            waits = await me.submit(shop, "which")
            assert await me.deployments.delete("default", shop.id)
            ended = await me.ended(waits)
            assert (ended.state, ended.reason) == (State.cancelled, HostedReason.deployment_deleted)
            assert shop.id in host.serving
            go.touch()
            assert json.loads((await me.ended(runs)).result) == "old"
            async with asyncio.timeout(60):
                while host.serving or (hosting_folder / "deployments" / shop.id).exists():
                    await asyncio.sleep(0.02)

    with_owner(tmp_path, hosting_folder, main, url=either, hosting_replicas=1)


def test_a_new_version_takes_over_and_what_began_on_the_old_one_ends_there(
    tmp_path, hosting_folder, either, monkeypatch
):
    monkeypatch.setattr(host_module, "LOOK", 0.2)

    def version(number):
        return write(tmp_path / f"v{number}", main_dot_py=held(number))

    async def main(me):
        async with me.host() as host:
            old = await me.deploy(version(1))
            began = await me.submit(old, "which", str(tmp_path / "go"))
            await me.running(began)
            waits = await me.submit(old, "which", None)
            new = await me.deploy(version(2))
            assert (await me.deployments.get("default", old.id)).state == "stopped"
            assert json.loads((await me.outcome(new, "which")).result) == 2
            (tmp_path / "go").touch()
            assert [json.loads((await me.ended(one)).result) for one in (began, waits)] == [1, 1]
            async with asyncio.timeout(60):
                while old.id in host.serving or (hosting_folder / "deployments" / old.id).exists():
                    await asyncio.sleep(0.02)
            assert list(host.serving) == [new.id]

    with_owner(tmp_path, hosting_folder, main, url=either, hosting_replicas=1)


def test_a_host_that_stops_lets_what_runs_end_and_the_next_one_goes_on(tmp_path, hosting_folder, either):
    async def main(me):
        async with me.host():
            shop = await me.deploy(write(tmp_path / "a", main_dot_py=APP))
            assert (await me.outcome(shop, "works", 1)).state == State.succeeded
        waits = await me.submit(shop, "works", 2)
        keys = await Keys(me.session.store).list("default")
        assert keys
        assert all(key.revoked_at for key in keys)
        async with me.host():
            ended = await me.ended(waits)
            assert (ended.state, ended.attempt) == (State.succeeded, 1)

    with_owner(tmp_path, hosting_folder, main, url=either)
