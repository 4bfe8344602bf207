"""Code that somebody deployed, run by a host: every way it may go, and what its owner sees of it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil

import pytest

from stook.core.hosted_reason import HostedReason
from stook.core.states import State
from stook.engine.keys import Keys
from tests.hosting.code import write
from tests.hosting.deployed import owner
from tests.hosting.test_replica import alive, gone

APP = """
    import os, subprocess, sys, time
    from pathlib import Path
    import stook

    app = stook.App("shop")
    print("loaded")

    @app.task("works")
    def works(payload):
        print("working on", payload)
        return {"payload": payload, "pid": os.getpid(), "names": sorted(os.environ)}

    @app.task("fails", max_attempts=1)
    def fails(payload):
        raise ValueError("no such row")

    @app.task("crashes", max_attempts=1)
    def crashes(payload):
        os.kill(os.getpid(), 11)

    @app.task("leaks", max_attempts=1)
    def leaks(payload):
        kept = []
        while True:
            kept.append(bytearray(2**20))

    @app.task("hangs", max_attempts=1)
    def hangs(payload):
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        Path(payload).write_text(f"{os.getpid()} {child.pid}")
        time.sleep(1000)

    @app.task("prints")
    def prints(payload):
        block = b"".join(b"line %06d\\n" % number for number in range(10_000))
        for _ in range(payload):
            os.write(1, block)

    @app.task("trap", max_attempts=1)
    def trap(payload):
        import __main__ as program
        receive = program.receive

        def receive_and_die(line):
            receive(line)
            os.kill(os.getpid(), 9)
        program.receive = receive_and_die

    @app.task("much", max_attempts=1)
    def much(payload):
        return "x" * payload
"""


def with_owner(tmp_path, hosting_folder, main, **settings):
    async def opened():
        async with owner(tmp_path, hosting_folder, **settings) as made:
            return await main(made)

    return asyncio.run(opened())


def test_what_is_deployed_is_built_and_run(tmp_path, hosting_folder, either):
    async def main(me):
        async with me.host() as host:
            shop = await me.deploy(write(tmp_path / "a", main_dot_py=APP), env={"SECRET": "s"})
            assert (shop.state, shop.reason) == ("running", None)
            lines = [line.text for line in await me.log(shop)]
            assert lines[0] == "unpacking"
            assert "loaded" in lines
            assert lines[-1].startswith("app shop: works, fails")
            first, second = [await me.outcome(shop, "works", {"n": one}) for one in (1, 2)]
            assert (first.state, first.attempt) == (State.succeeded, 1)
            found = json.loads(first.result)
            assert found["payload"] == {"n": 1}
            assert found["names"] == ["SECRET", "STOOK_KEY", "STOOK_SERVER"]
            assert json.loads(second.result)["pid"] == found["pid"]
            assert await me.said(first.id) == ["working on {'n': 1}"]
            (served,) = host.serving.values()
            assert (served.pool.resting, served.pool.busy) == (1, 0)
        assert not alive(found["pid"])
        of_executions = {line.text: line.execution_id for line in await me.log(shop) if line.execution_id}
        assert of_executions["working on {'n': 2}"] == second.id

    with_owner(tmp_path, hosting_folder, main, url=either)


def test_every_way_to_fail_has_its_own_words(tmp_path, hosting_folder):
    async def main(me):
        async with me.host() as host:
            shop = await me.deploy(write(tmp_path / "a", main_dot_py=APP))
            fails = await me.outcome(shop, "fails", 1)
            assert (fails.state, fails.reason) == (State.failed, HostedReason.raised)
            assert (fails.error.type, fails.error.message) == ("ValueError", "no such row")
            assert "main.py" in fails.error.traceback
            assert (await me.said(fails.id))[-1] == "ValueError: no such row"
            crashes = await me.outcome(shop, "crashes")
            assert crashes.reason == HostedReason.exited
            assert crashes.error.message == "the process that ran it was killed by signal SIGSEGV"
            leaks = await me.outcome(shop, "leaks")
            assert leaks.reason == HostedReason.exited
            assert leaks.error.message.endswith("its limit is 200 MiB")
            much = await me.outcome(shop, "much", 5000)
            assert much.reason == HostedReason.too_large
            hangs = await me.outcome(shop, "hangs", str(tmp_path / "pids"), timeout=3)
            assert hangs.reason == HostedReason.timed_out
            await gone([int(one) for one in (tmp_path / "pids").read_text().split()])
            assert (await me.outcome(shop, "works", 1)).state == State.succeeded
            (served,) = host.serving.values()
            assert served.pool.busy == 0

    with_owner(tmp_path, hosting_folder, main, hosting_memory_mb=200, kernel_result_bytes=4000)


def test_a_cancelled_run_is_killed_with_all_it_started(tmp_path, hosting_folder, either):
    async def main(me):
        async with me.host():
            shop = await me.deploy(write(tmp_path / "a", main_dot_py=APP))
            execution = await me.submit(shop, "hangs", str(tmp_path / "pids"))
            async with asyncio.timeout(60):
                while not (tmp_path / "pids").exists() or len((tmp_path / "pids").read_text().split()) < 2:
                    await asyncio.sleep(0.01)
            await me.executions.cancel("default", execution, output="enough")
            ended = await me.ended(execution)
            assert (ended.state, ended.reason, ended.output) == (State.cancelled, HostedReason.cancelled, "enough")
            await gone([int(one) for one in (tmp_path / "pids").read_text().split()])

    with_owner(tmp_path, hosting_folder, main, url=either, lease_seconds=2.0)


def test_a_flood_of_output_is_cut_and_says_so(tmp_path, hosting_folder):
    async def main(me):
        async with me.host():
            shop = await me.deploy(write(tmp_path / "a", main_dot_py=APP))
            prints = await me.outcome(shop, "prints", 30)
            assert prints.state == State.succeeded
            said = await me.said(prints.id)
            assert len(said) <= 102
            assert said[0] == "line 000000"
            assert said[-1] == f"{300_000 - len(said) + 1} lines dropped"
            assert said[-2] == "line 009999"
        of_run = [line.text for line in await me.deployments.log("default", shop.id, most=5000) if line.execution_id]
        assert len(of_run) < 3000
        assert any("lines left out here" in line for line in of_run)

    with_owner(tmp_path, hosting_folder, main, log_lines=100)


def test_processes_go_when_there_is_no_work_and_come_back(tmp_path, hosting_folder):
    async def main(me):
        async with me.host() as host:
            shop = await me.deploy(write(tmp_path / "a", main_dot_py=APP))
            pids = []
            for _ in range(2):
                pids.append(json.loads((await me.outcome(shop, "works", 1)).result)["pid"])
                (served,) = host.serving.values()
                await gone(pids)
                assert (served.pool.resting, served.pool.busy) == (0, 0)
            assert len(set(pids)) == 2

    with_owner(tmp_path, hosting_folder, main, hosting_idle_seconds=0.1)


def test_no_more_run_at_once_than_may_and_a_process_is_replaced_in_time(tmp_path, hosting_folder):
    async def main(me):
        async with me.host():
            shop = await me.deploy(write(tmp_path / "a", main_dot_py=APP))
            waiting = [await me.submit(shop, "works", number) for number in range(6)]
            pids = [json.loads((await me.ended(one)).result)["pid"] for one in waiting]
            assert sorted(pids.count(pid) for pid in set(pids)) == [2, 2, 2]

    with_owner(tmp_path, hosting_folder, main, hosting_replicas=1, hosting_runs=2)


def test_deployments_share_what_a_host_has_and_none_waits_for_a_busy_one_to_end(tmp_path, hosting_folder):
    code = """
        import stook
        from pathlib import Path
        app = stook.App({name!r})

        @app.task("marks")
        def marks(payload):
            with Path(payload).open("a") as file:
                file.write(app.name + " ")
    """

    async def main(me):
        async with me.host() as host:
            marks = tmp_path / "marks"
            busy, calm = [
                await me.deploy(write(tmp_path / name, main_dot_py=code.format(name=name))) for name in ("busy", "calm")
            ]
            many = [await me.submit(busy, "marks", str(marks)) for _ in range(12)]
            one = await me.submit(calm, "marks", str(marks))
            assert (await me.ended(one)).state == State.succeeded
            assert {(await me.ended(each)).state for each in many} == {State.succeeded}
            order = marks.read_text().split()
            assert (len(order), order.count("calm")) == (13, 1)
            assert order[-1] != "calm", "it had its turn while the other one had work"
            pools = [served.pool for served in host.serving.values()]
            assert sum(pool.busy + pool.resting for pool in pools) == 1

    with_owner(tmp_path, hosting_folder, main, hosting_total=1)


def test_loading_the_code_is_no_part_of_a_runs_time(tmp_path, hosting_folder):
    code = """
        import time, stook
        app = stook.App("slow")
        time.sleep(1.5)

        @app.task("quick", timeout=1)
        def quick(payload):
            time.sleep(payload)

        @app.task("late", timeout=0.2, max_attempts=1)
        def late(payload):
            time.sleep(1000)
    """

    async def main(me):
        async with me.host() as host:
            slow = await me.deploy(write(tmp_path / "a", main_dot_py=code))
            async with asyncio.timeout(60):
                while not (served := list(host.serving.values())) or served[0].pool.resting:
                    await asyncio.sleep(0.02)  # the process that it was built with ends
            quick = await me.outcome(slow, "quick", 0)
            assert (quick.state, quick.attempt) == (State.succeeded, 1)
            late = await me.outcome(slow, "late")
            assert (late.state, late.reason) == (State.failed, HostedReason.timed_out)
            assert "its timeout is 0.2 s" in late.error.message

    with_owner(tmp_path, hosting_folder, main, hosting_idle_seconds=0.05)


WRONG = {
    "import": ("import stook\nimport nowhere\n", "ModuleNotFoundError: No module named 'nowhere' (main.py:2)"),
    "empty": ("x = 1\n", "LookupError: the entrypoint makes no app: it has no stook.App(...)"),
    "dies": ("import os; os.abort()\n", "the process that loaded the code was killed by signal SIGABRT"),
    "hangs": ("import time; time.sleep(1000)\n", "was stopped: loading the code took longer than 2 s"),
    "install": ("", "no-such-package-anywhere"),
    "missing": (None, "FileNotFoundError"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_built_fails_with_a_reason_and_leaves_nothing(tmp_path, hosting_folder, what):
    text, reason = WRONG[what]
    files = {"other_dot_py": ""} if text is None else {"main_dot_py": text}
    if what == "install":
        files["requirements_dot_txt"] = "no-such-package-anywhere\n"

    async def main(me):
        async with me.host():
            made = await me.deploy(write(tmp_path / "a", **files))
            assert made.state == "failed"
            assert reason in made.reason
            log = [line.text for line in await me.log(made)]
            assert log[-1].startswith("failed: ")
        assert not (hosting_folder / "deployments" / made.id).exists()
        keys = await Keys(me.session.store).list("default")
        assert all(key.revoked_at for key in keys)

    seconds = 2.0 if what == "hangs" else 60.0
    with_owner(tmp_path, hosting_folder, main, hosting_load_seconds=seconds, hosting_no_index=True)


def test_kernels_runs_are_never_run_twice_not_even_when_their_host_has_to_kill_them(
    tmp_path, hosting_folder, kernel_python
):
    """And Kernel's own app in whole: the SDK comes from its requirements."""
    code = """
        import time
        from pathlib import Path
        import kernel
        from kernel import App, Kernel, KernelContext
        Kernel()
        app = App("demo")

        @app.action("hangs")
        def hangs(ctx: KernelContext, payload):
            with Path(payload).open("a") as file:
                file.write("began\\n")
            time.sleep(1000)

        @app.action("payload")
        async def payload(ctx: KernelContext, payload=None):
            return [ctx.invocation_id, payload]
    """
    files = {"main_dot_py": code, "requirements_dot_txt": "kernel==0.131.0\n"}

    async def main(me):
        began = tmp_path / "began"
        async with me.host(grace=0.2):
            demo = await me.deploy(write(tmp_path / "a", **files), dialect="kernel", env={"KERNEL_API_KEY": "mine"})
            assert (demo.state, demo.reason) == ("running", None)
            answers = [await me.outcome(demo, "payload", *given) for given in ((), ({"a": 1},))]
            assert [json.loads(one.result) for one in answers] == [[answers[0].id, None], [answers[1].id, {"a": 1}]]
            hangs = await me.submit(demo, "hangs", str(began))
            async with asyncio.timeout(60):
                while not began.exists():
                    await asyncio.sleep(0.01)
        found = await me.ended(hangs)
        assert (found.state, found.reason) == (State.failed, HostedReason.lost)

    with_owner(tmp_path, hosting_folder, main)
    assert (tmp_path / "began").read_text() == "began\n"


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("node") is None, reason="takes root, and node")
@pytest.mark.timeout(300)
def test_deployments_run_as_users_of_their_own(tmp_path, hosting_folder):
    """In Node, because the Python that tests run with may lie where nobody else may look."""
    code = """
        import fs from 'node:fs';
        import { Kernel } from '@onkernel/sdk';
        const app = new Kernel().app(process.env.NAME);
        app.action('who', async (ctx) => {
          fs.writeFileSync('written', '');
          return { user: process.getuid(), groups: process.getgroups(), pid: process.pid, cwd: process.cwd() };
        });
        app.action('look', async (ctx, payload) => payload.map((one) => {
          try { fs.closeSync(fs.openSync(one)); return 'seen'; } catch (error) { return error.code; }
        }));
    """
    package = json.dumps({"type": "module", "dependencies": {"@onkernel/sdk": "0.84.0"}})
    shared = hosting_folder.with_name(hosting_folder.name + "-users")

    async def main(me):
        async with me.host():
            root = write(tmp_path / "a", index_dot_js=code, package_dot_json=package)
            how = {"entrypoint": "index.js", "dialect": "kernel", "runtime": "node"}
            one, other = [await me.deploy(root, env={"NAME": name}, **how) for name in ("one", "other")]
            assert (one.reason, other.reason) == (None, None)
            who = [json.loads((await me.outcome(each, "who")).result) for each in (one, other)]
            assert [each["user"] for each in who] == [20_000, 20_001]
            assert who[0]["groups"] == [20_000]
            theirs = [f"/proc/{who[0]['pid']}/environ", f"/proc/{who[0]['pid']}/mem", f"{who[0]['cwd']}/index.js"]
            hosts = [str(tmp_path / "s.db"), f"/proc/{os.getpid()}/environ"]
            looked = await me.outcome(other, "look", [*theirs, *hosts, "index.js"])
            assert json.loads(looked.result) == ["EACCES"] * 5 + ["seen"]

    tmp_path.chmod(0o700)
    with_owner(tmp_path, shared, main, hosting_uids="20000-20009")
