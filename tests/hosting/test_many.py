"""A batch of short runs, which lie ready for their process: each is still by itself."""

from __future__ import annotations

import asyncio
import json

from stook.core.hosted_reason import HostedReason
from stook.core.states import State
from stook.engine.hosted_batches import HostedBatches
from stook.engine.service import Engine
from tests.hosting.code import write
from tests.hosting.deployed import owner

APP = """
    import os, time
    from pathlib import Path
    import stook

    app = stook.App("many")
    begun = os.open("begun", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    @app.task("short", max_attempts=1)
    def short(payload):
        os.write(begun, b"%d\\n" % payload["n"])
        match payload.get("how"):
            case "says":
                print("this is", payload["n"])
            case "dies":
                os._exit(3)
            case "sleeps":
                time.sleep(0.005)
            case "waits":
                while not Path(payload["path"]).exists():
                    time.sleep(0.01)
        return payload["n"]
"""


class Many:
    def __init__(self, me, host, shop):
        self.me, self.host, self.shop = me, host, shop
        session = me.session
        self.batches = HostedBatches(lambda project: Engine(session.store, session.engine.blobs, project=project))

    async def submit(self, payloads, **how):
        found = await self.me.deployments.resolve("default", "stook", "many", "short", "latest")
        return await self.batches.create("default", found, [json.dumps(one).encode() for one in payloads], **how)

    async def counters(self, batch):
        return (await self.batches.get("default", batch.id)).counters

    async def ended(self, batch):
        async with asyncio.timeout(100):
            while (await self.batches.get("default", batch.id)).finished_at is None:
                await asyncio.sleep(0.02)
        return [one async for page in self.batches.items("default", batch.id) for one in page]

    async def warm(self):
        """Until it is known that runs are short."""
        items = await self.ended(await self.submit([{"n": -1}] * 60))
        assert [one.error for one in items if one.error] == []
        assert {one.state for one in items} == {State.succeeded}


def with_many(tmp_path, hosting_folder, main, *, app=APP, **settings):
    async def opened():
        async with owner(tmp_path, hosting_folder, **{"hosting_replicas": 2} | settings) as me, me.host() as host:
            shop = await me.deploy(write(tmp_path / "a", main_dot_py=app))
            assert shop.reason is None
            many = Many(me, host, shop)
            await many.warm()
            await main(many)

    asyncio.run(opened())


def begun(many, hosting_folder):
    text = (hosting_folder / "deployments" / many.shop.id / "code" / "begun").read_text()
    return [number for number in map(int, text.split()) if number >= 0]


def test_each_begins_once_and_in_order_has_its_own_log_and_only_who_dies_fails(tmp_path, hosting_folder):
    async def main(many):
        how = {150: "says", 151: "says", 333: "dies", 401: "says"}
        batch = await many.submit([{"n": number, "how": how.get(number)} for number in range(1000)])
        items = await many.ended(batch)
        assert begun(many, hosting_folder) == list(range(1000))
        bad = [one for one in items if one.state is not State.succeeded]
        assert [(one.index, one.reason) for one in bad] == [(333, HostedReason.exited)]
        assert bad[0].error.message == "the process that ran it exited with status 3"
        assert all(json.loads(one.result) == one.index for one in items if one.index != 333)
        for number in (149, 150, 151, 152, 333, 401, 402):
            expected = [f"this is {number}"] if how.get(number) == "says" else []
            assert await many.me.said(items[number].id) == expected, number

    with_many(tmp_path, hosting_folder, main)


def test_nobody_waits_behind_one_that_is_not_short_and_cancelled_ones_do_not_begin(tmp_path, hosting_folder):
    go = tmp_path / "go"

    async def main(many):
        batch = await many.submit([{"n": n, "how": "waits" if n == 20 else None, "path": str(go)} for n in range(300)])
        async with asyncio.timeout(100):
            while (await many.counters(batch)).succeeded < 299:
                await asyncio.sleep(0.02)
        go.touch()
        assert {one.state for one in await many.ended(batch)} == {State.succeeded}
        assert sorted(begun(many, hosting_folder)) == list(range(300))
        go.unlink()
        await many.warm()
        batch = await many.submit([{"n": 1000 + n, "how": "waits", "path": str(go)} for n in range(300)])
        async with asyncio.timeout(100):
            while 1000 not in begun(many, hosting_folder):
                await asyncio.sleep(0.02)
        await many.batches.cancel("default", batch.id)
        assert {one.state for one in await many.ended(batch)} == {State.cancelled}
        late = [number for number in begun(many, hosting_folder) if number >= 1000]
        assert late == [1000, 1001][: len(late)]

    with_many(tmp_path, hosting_folder, main)


def test_a_batch_runs_no_more_at_once_than_it_may_however_short_its_items(tmp_path, hosting_folder):
    async def main(many):
        batch = await many.submit([{"n": n} for n in range(40)], max_concurrency=1)
        most = 0
        async with asyncio.timeout(100):
            while (await many.batches.get("default", batch.id)).finished_at is None:
                most = max(most, (await many.counters(batch)).running)
        assert most == 1
        assert begun(many, hosting_folder) == list(range(40))

    with_many(tmp_path, hosting_folder, main)


def test_of_what_is_never_run_twice_and_is_not_short_no_more_is_claimed_than_runs(tmp_path, hosting_folder):
    once = APP.replace("max_attempts=1", "max_attempts=1, rerun_lost=False")

    async def main(many):
        lane = many.host.serving[many.shop.id].runtime._children
        assert lane.streams
        assert 0 < lane.want() * lane.item <= 21_000_000
        await many.ended(await many.submit([{"n": n, "how": "sleeps"} for n in range(20)]))
        assert not lane.streams
        batch = await many.submit([{"n": n, "how": "sleeps"} for n in range(60)])
        most = 0
        async with asyncio.timeout(100):
            while (await many.batches.get("default", batch.id)).finished_at is None:
                most = max(most, (await many.counters(batch)).running)
        assert 1 <= most <= 4  # two that run, and two whose ends are being written down

    with_many(tmp_path, hosting_folder, main, app=once)
