"""One process with somebody's code: what it is told, what it tells, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from stook.hosting.launch import ProcessLimits, bootstrap_file, launch
from stook.hosting.replica import Died, Done, Loaded, Raised, Unloadable
from tests.hosting.code import Lines, replica_of, run, write

APP = """
    import os, subprocess, sys, time
    from pathlib import Path
    import stook

    app = stook.App("app")
    print("importing")
    calls = []

    @app.task
    def echo(payload):
        calls.append(payload)
        return {"payload": payload, "calls": len(calls), "cwd": os.getcwd(), "environment": dict(os.environ)}

    @app.task
    async def fails(payload):
        raise KeyError("of the app")

    @app.task
    def speaks(payload):
        print("out", payload)
        print("err", payload, file=sys.stderr)
        os.write(1, b"no end of line")
        subprocess.run(["sh", "-c", "echo of a child"])

    @app.task
    def returns_what_is_no_json(payload):
        return object()

    @app.task
    def returns_much(payload):
        return "x" * 20_000

    @app.task
    def leaves(payload):
        os._exit(payload)

    @app.task
    def breaks_the_line(payload):
        fd = next(fd for fd in range(3, 50) if "socket" in os.readlink(f"/proc/self/fd/{fd}"))
        os.write(fd, b"\\x7fnonsense")
        time.sleep(1000)

    @app.task
    def hangs(payload):
        Path("hangs").write_text(str(os.getpid()))
        time.sleep(1000)
"""


def test_it_runs_one_thing_after_another_and_keeps_its_state(tmp_path):
    async def main():
        root = write(tmp_path, main_dot_py=APP)
        async with replica_of(root, "main.py", env={"SECRET": "s", "LANG": "C"}) as (replica, loaded):
            assert isinstance(loaded, Loaded)
            (app,) = loaded.apps
            assert app.name == "app"
            assert {"main.echo", "main.fails"} <= {action.name for action in app.actions}
            answers = [await run(replica, "echo", one) for one in ({"a": 1.5}, "two")]
            found = [json.loads(one.output) for one in answers]
            assert [(one["payload"], one["calls"]) for one in found] == [({"a": 1.5}, 1), ("two", 2)]
            assert found[0]["cwd"] == str(root)
            assert found[0]["environment"] == {"SECRET": "s", "LANG": "C"}
            assert replica.runs == 2

    os.environ["STOOK_OF_THE_HOST"] = "leaks"
    try:
        asyncio.run(main())
    finally:
        del os.environ["STOOK_OF_THE_HOST"]


def test_failures_name_the_codes_own_error_and_place(tmp_path):
    async def main():
        root = write(tmp_path, main_dot_py=APP)
        async with replica_of(root, "main.py") as (replica, _):
            raised = await run(replica, "fails")
            assert isinstance(raised, Raised)
            assert (raised.type, raised.message) == ("KeyError", "'of the app'")
            assert "main.py" in raised.traceback
            assert "stook_python.py" not in raised.traceback
            no_json = await run(replica, "returns_what_is_no_json")
            assert no_json.code == "result_not_serializable"
            much = await run(replica, "returns_much")
            assert much.code == "result_too_large"
            assert await run(replica, "echo") is not None
            assert not replica.spent

    asyncio.run(main())


def test_what_a_run_writes_is_its_own_and_is_there_when_it_ends(tmp_path):
    async def main():
        root = write(tmp_path, main_dot_py=APP)
        async with replica_of(root, "main.py") as (replica, _):
            for number in range(20):
                sink = Lines()
                assert isinstance(await run(replica, "speaks", number, sink=sink), Done)
                assert sorted(sink.all) == [
                    ("stderr", f"err {number}"),
                    ("stdout", "no end of lineof a child"),
                    ("stdout", f"out {number}"),
                ]

    asyncio.run(main())


def test_an_exit_says_how(tmp_path):
    async def main():
        root = write(tmp_path, main_dot_py=APP)
        async with replica_of(root, "main.py") as (replica, _):
            assert await run(replica, "leaves", 7) == Died("exited with status 7")
            assert replica.spent
            assert not replica.alive
            assert isinstance(await run(replica, "echo"), Died)

    asyncio.run(main())


def test_one_that_writes_to_its_hosts_line_is_ended(tmp_path):
    async def main():
        root = write(tmp_path, main_dot_py=APP)
        async with replica_of(root, "main.py") as (replica, _):
            died = await run(replica, "breaks_the_line")
            assert isinstance(died, Died)
            assert "line that is its host's" in died.how
            assert not replica.alive

    asyncio.run(main())


def test_code_that_cannot_be_loaded_says_why_and_where(tmp_path):
    async def main():
        root = write(
            *(tmp_path,),
            wrong_dot_py="import stook\n\nimport nowhere\n",
            syntax_dot_py="x = 1\ndef\n",
            nothing_dot_py="x = 1\n",
            exits_dot_py="import os; os._exit(3)\n",
        )
        found = {}
        for name in ("wrong", "syntax", "nothing", "exits"):
            async with replica_of(root, f"{name}.py") as (_, answer):
                found[name] = answer
        wrong = found["wrong"]
        assert isinstance(wrong, Unloadable)
        assert (wrong.type, wrong.message, wrong.where) == (
            *("ModuleNotFoundError", "No module named 'nowhere'", "wrong.py:3"),
        )
        assert (found["syntax"].type, found["syntax"].where) == ("SyntaxError", "syntax.py:2")
        assert "makes no app" in found["nothing"].message
        assert found["exits"] == Died("exited with status 3")

    asyncio.run(main())


def test_sigterm_first_then_sigkill_to_all_it_has_started(tmp_path):
    async def main():
        program = (
            "import os, signal, subprocess, sys, time\n"
            "signal.signal(signal.SIGTERM, lambda *_: open('told', 'w').close())\n"
            "child = subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
            "daemon = subprocess.Popen(['sh', '-c', '(setsid sleep 1000 & echo $! > daemon)'])\n"
            "daemon.wait()\n"
            "open('child', 'w').write(str(child.pid)); open('ready', 'w').close()\n"
            "while True: time.sleep(1000)\n"
        )
        argv = [sys.executable, "-c", program]
        launched = await launch(argv, cwd=tmp_path, env={}, limits=ProcessLimits())
        await appears(tmp_path / "ready")
        pids = [int((tmp_path / name).read_text()) for name in ("child", "daemon")]
        assert all(map(alive, pids))
        ended = await launched.end(0.3)
        assert ended.status == -9
        assert (tmp_path / "told").exists()
        assert not any(map(alive, pids))

    asyncio.run(main())


def test_all_of_it_goes_with_its_host(tmp_path):
    """However the host ends."""
    host = f"""
import asyncio
from pathlib import Path
from stook.hosting.launch import ProcessLimits, launch
async def main():
    program = "import os, subprocess, time; child = subprocess.Popen(['sleep', '1000'], start_new_session=True);"
    program += "open('pids', 'w').write(f'{{os.getpid()}} {{child.pid}}'); open('ready', 'w').close(); time.sleep(1000)"
    await launch([{sys.executable!r}, "-c", program], cwd=Path({str(tmp_path)!r}), env={{}}, limits=ProcessLimits())
    await asyncio.sleep(1000)
asyncio.run(main())
"""

    async def main():
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", host)
        await appears(tmp_path / "ready")
        pids = [int(one) for one in (tmp_path / "pids").read_text().split()]
        assert all(map(alive, pids))
        process.kill()
        await process.wait()
        await gone(pids)

    asyncio.run(main())


def test_what_cannot_be_started_says_so(tmp_path):
    async def main():
        launched = await launch(["/nowhere/python"], cwd=tmp_path, env={}, limits=ProcessLimits())
        ended = await launched.exit
        assert ended.reason == "start"
        assert "/nowhere/python" in ended.detail or "No such file" in ended.detail

    asyncio.run(main())


def test_programs_are_found_as_files():
    for name in ("keeper.py", "kernel_python.py", "kernel_node.mjs", "stook_python.py", "vellum_python.py"):
        assert bootstrap_file(name).is_file()


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def gone(pids):
    async with asyncio.timeout(60):
        while any(map(alive, pids)):
            await asyncio.sleep(0.01)


async def appears(path):
    async with asyncio.timeout(60):
        while not path.exists():
            await asyncio.sleep(0.01)
