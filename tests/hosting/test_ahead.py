"""What lies ready for a process while it runs: it begins without asking, or never."""

from __future__ import annotations

import asyncio
import json

from stook.hosting.replica import Died
from tests.hosting.code import CONTEXT, Lines, replica_of, write
from tests.hosting.test_replica import appears

APP = """
    import os, time
    from pathlib import Path
    import stook

    app = stook.App("app")
    begun = []

    @app.task
    def counts(payload):
        begun.append(payload)
        return list(begun)

    @app.task
    def speaks(payload):
        begun.append(payload)
        os.write(1, f"said {payload}".encode())

    @app.task
    def leaves(payload):
        os._exit(7)

    @app.task
    def hangs(payload):
        Path("hangs").touch()
        while not Path("go").exists():
            time.sleep(0.01)
"""


def frame(action, payload=None):
    run = {"id": "0192f0c1-7b7e-7000-8a2b-3c4d00000000", "app": "app", "action": f"main.{action}", "context": CONTEXT}
    return json.dumps({"op": "run", "payload": json.dumps(payload), **run}).encode()


async def said(replica, count):
    found = []
    async with asyncio.timeout(60):
        while len(found) < count:
            found += await replica.answers()
    assert len(found) == count
    return found


def outputs(answers):
    return [json.loads(one["output"]) for one in answers]


def with_replica(tmp_path, main):
    async def opened():
        async with replica_of(write(tmp_path, main_dot_py=APP), "main.py") as (replica, _):
            await main(replica)

    asyncio.run(opened())


def test_what_lies_ready_begins_by_itself_in_its_order(tmp_path):
    async def main(replica):
        assert replica.ahead
        replica.give([frame("counts", one) for one in range(5)])
        assert outputs(await said(replica, 5)) == [list(range(one + 1)) for one in range(5)]
        assert (replica.runs, replica.take_back(9)) == (5, 0)

    with_replica(tmp_path, main)


def test_behind_a_run_that_writes_nothing_begins_before_that_was_read(tmp_path):
    async def main(replica):
        sink, other = Lines(), Lines()
        replica.listen(sink, lambda: False)
        replica.give([frame("counts", 1), frame("speaks", 2), frame("counts", 3), frame("speaks", 4)])
        first, second = await said(replica, 2)
        assert not replica.heard(first, 3)
        assert sink.all == []
        assert replica.heard(second, 2)
        assert sink.text == ["said 2"]
        assert replica.runs == 2
        replica.listen(other, lambda: False)
        replica.give([frame("counts", 5), frame("speaks", 6)])
        answers = await said(replica, 2)
        assert json.loads(answers[0]["output"]) == [1, 2, 5]
        replica.heard(answers[0], 1)
        assert replica.heard(answers[1])
        assert (sink.text, other.text) == (["said 2"], ["said 6"])

    with_replica(tmp_path, main)


def test_what_is_taken_back_never_begins(tmp_path):
    async def main(replica):
        replica.give([frame("hangs"), frame("counts", 1), frame("counts", 2)])
        await appears(tmp_path / "hangs")
        assert [replica.take_back(most) for most in (1, 9, 9)] == [1, 1, 0]
        assert replica.runs == 1
        replica.give([frame("counts", 3)])
        (tmp_path / "go").touch()
        assert outputs(await said(replica, 2)) == [None, [3]]

    with_replica(tmp_path, main)


def test_what_a_process_that_died_had_not_begun_is_known(tmp_path):
    async def main(replica):
        replica.give([frame("counts", 1), frame("leaves"), frame("counts", 2), frame("counts", 3)])
        assert outputs(await said(replica, 1)) == [[1]]
        async with asyncio.timeout(60):
            assert await replica.answers() == Died("exited with status 7")
        assert replica.take_back(9) == 2

    with_replica(tmp_path, main)
