"""What code may not do to the machine it runs on, and what its owner is told of it."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sys

import pytest

from stook.hosting.bootstrap.keeper import below
from stook.hosting.launch import ProcessLimits, bootstrap_file, launch
from stook.hosting.output import Output, Pipes
from stook.hosting.replica import Died, Done
from tests.hosting.code import Lines, replica_of, run, write
from tests.hosting.test_replica import alive

MIB = 2**20
APP = """
    import os, subprocess, sys, threading, time
    import stook

    app = stook.App("app")

    @app.task
    def leaks(payload):
        kept = []
        while True:
            kept.append(bytearray(2**20))

    @app.task
    def lets_a_child_leak(payload):
        leak = "x = []\\nwhile True: x.append(bytearray(2**20))"
        subprocess.run([sys.executable, "-c", leak], start_new_session=True)
        time.sleep(1000)

    @app.task
    def forks(payload):
        while True:
            try:
                os.fork()
            except OSError:
                pass

    @app.task
    def threads(payload):
        while True:
            threading.Thread(target=time.sleep, args=(1000,)).start()

    @app.task
    def prints(payload):
        line = b"x" * 99 + b"\\n"
        block = line * 10_000
        for _ in range(payload):
            os.write(1, block)

    @app.task
    def prints_without_end(payload):
        block = b"x" * 1_000_000
        for _ in range(payload):
            os.write(2, block)
"""


def test_what_a_killed_keeper_kept_ends_too(tmp_path):
    """In a session of its own, with nothing open and nothing in its environment."""
    code = """
        import os, stook, subprocess, time

        app = stook.App("app")

        @app.task
        def hangs(payload):
            for _ in range(2):
                if os.fork() == 0:
                    os.setsid()
                    os.closerange(0, 100)
                    os.execve("/bin/sleep", ["sleep", "1000"], {})
            time.sleep(1000)
    """

    async def main():
        async with replica_of(write(tmp_path, main_dot_py=code), "main.py") as (replica, _):
            running = asyncio.ensure_future(run(replica, "hangs"))
            async with asyncio.timeout(60):
                while len(pids := below(replica.pid)) < 3:
                    await asyncio.sleep(0.01)
            os.kill(replica.pid, signal.SIGKILL)
            assert await running == Died("was killed", began=True, struck=True)
            assert not any(map(alive, pids))

    asyncio.run(main())


def outcome(tmp_path, action, payload=None, *, sink=None, **limits):
    async def main():
        root = write(tmp_path, main_dot_py=APP)
        async with replica_of(root, "main.py", **limits) as (replica, _):
            return await run(replica, action, payload, sink=sink)

    return asyncio.run(main())


@pytest.mark.parametrize("action", ["leaks", "lets_a_child_leak"])
def test_memory_without_end_is_ended_and_named(tmp_path, action):
    died = outcome(tmp_path, action, memory=256 * MIB)
    assert isinstance(died, Died)
    assert died.how.startswith("was killed: it had ")
    assert died.how.endswith("its limit is 256 MiB")


@pytest.mark.parametrize("action", ["forks", "threads"])
def test_forks_and_threads_without_end_are_ended_and_named(tmp_path, action):
    assert outcome(tmp_path, action, tasks=60) == Died("was killed: it had more than 60 processes and threads")


def test_output_without_end_costs_little_memory(tmp_path):
    """A gigabyte is this twenty times over."""
    sink = Lines()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert isinstance(outcome(tmp_path, "prints", 50, sink=sink), Done)
    assert sink.count == 500_000
    sink = Lines(most=1000)
    assert isinstance(outcome(tmp_path, "prints_without_end", 50, sink=sink), Done)
    (line,) = sink.text
    assert line == "x" * 1000 + " … [49999000 bytes cut] "
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024


def test_what_nobody_listens_to_is_read_all_the_same():
    async def main():
        pipes = Pipes()
        theirs = os.dup(pipes.theirs[0])
        output = Output(pipes)
        written = await asyncio.to_thread(os.write, theirs, b"x\n" * 20_000)
        while written < 200_000:
            written += await asyncio.to_thread(os.write, theirs, b"x\n" * 20_000)
        sink = Lines()
        output.turn_to(sink)
        os.write(theirs, b"mine\n")
        output.turn_to(None)
        assert sink.text == ["mine"]
        os.close(theirs)
        output.close()

    asyncio.run(main())


# ------------------------------------------------------------------------------------------- one deployment, another

SYSTEM_PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin")
as_root = pytest.mark.skipif(
    os.geteuid() != 0 or SYSTEM_PYTHON is None, reason="takes root, and a python for everybody"
)
VICTIM = """
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("program", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
if sys.argv[2] == "hidden":
    module.hide()
print("ready", os.getpid(), flush=True)
sys.stdin.read()
import time
time.sleep(1000)
"""
THIEF = """
import sys
for name in ("environ", "mem", "maps", "fd/1", "cwd/secret"):
    try:
        open(f"/proc/{sys.argv[1]}/{name}", "rb").close()
        print("read", name)
    except OSError as error:
        print("refused", name)
"""


async def stolen(tmp_path, how, *, victim, thief):
    """What a process of the user `thief` can read of one of the user `victim`."""
    program = shutil.copy(bootstrap_file("kernel_python.py"), tmp_path)
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:
        parent.chmod(0o755)
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "secret").write_text("secret")
    os.chown(tmp_path / "home", victim, victim)
    (tmp_path / "home").chmod(0o700)
    first, second = Lines(), Lines()
    argv = [SYSTEM_PYTHON, "-c", VICTIM, str(program), how]
    one = await launch(argv, cwd=tmp_path / "home", env={"SECRET": "s"}, limits=ProcessLimits(uid=victim))
    one.output.turn_to(first)
    try:
        async with asyncio.timeout(60):
            while not first.all:
                assert not one.gone
                await asyncio.sleep(0.01)
        pid = first.text[0].split()[1]
        other = await launch([SYSTEM_PYTHON, "-c", THIEF, pid], cwd=tmp_path, env={}, limits=ProcessLimits(uid=thief))
        other.output.turn_to(second)
        await other.exit
    finally:
        await one.end(0)
    assert len(second.text) == 5, second.text
    return {line.split()[1] for line in second.text if line.startswith("read")}


@as_root
def test_users_of_their_own_cannot_look_into_each_other(tmp_path):
    assert asyncio.run(stolen(tmp_path, "open", victim=20_001, thief=20_002)) == set()


@as_root
def test_of_one_user_programs_hide_before_any_code_of_others_runs(tmp_path):
    """The first look shows that there is something to hide from."""
    seen = asyncio.run(stolen(tmp_path, "open", victim=20_001, thief=20_001))
    assert {"environ", "mem"} <= seen
    assert asyncio.run(stolen(tmp_path, "hidden", victim=20_001, thief=20_001)) == set()


def test_values_are_not_in_the_environment_that_a_process_is_started_with(tmp_path):
    """That one can be read in /proc, whoever hides later."""

    async def main():
        root = write(
            tmp_path,
            main_dot_py="""
                import os
                from pathlib import Path
                import stook
                app = stook.App("app")
                @app.task
                def looks(payload):
                    return [os.environ["SECRET"], Path("/proc/self/environ").read_bytes().decode()]
            """,
        )
        async with replica_of(root, "main.py", env={"SECRET": "the value"}) as (replica, _):
            assert (await run(replica, "looks")).output == '["the value","STOOK_REPLICA_FD=3\\u0000"]'

    asyncio.run(main())


def test_a_process_has_nothing_open_but_its_own(tmp_path):
    async def main():
        held = os.open(tmp_path, os.O_RDONLY)
        os.set_inheritable(held, True)
        sink = Lines()
        program = "import os; print(*[os.readlink(f'/proc/self/fd/{fd}') for fd in range(50) if is_open(fd)])"
        program = "def is_open(fd): return os.path.lexists(f'/proc/self/fd/{fd}')\n" + program
        launched = await launch([sys.executable, "-c", program], cwd=tmp_path, env={}, limits=ProcessLimits())
        launched.output.turn_to(sink)
        await launched.exit
        os.close(held)
        (line,) = sink.text
        kinds = [one.split(":")[0] for one in line.split()]
        assert kinds == ["/dev/null", "pipe", "pipe", "socket", "pipe"]

    asyncio.run(main())
