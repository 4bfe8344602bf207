"""Processes that begin as copies of one that has imported its program already."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from stook.hosting.dialects import Command
from stook.hosting.launch import ProcessLimits
from stook.hosting.replica import Died, Loaded
from stook.hosting.spares import Spares

PROGRAM = """
import json, os, random, socket, struct, subprocess, sys

IMPORTED = os.getpid()

def main():
    line = socket.socket(fileno=int(os.environ["STOOK_REPLICA_FD"]))
    size = struct.Struct(">I")
    while head := line.recv(4):
        asked = json.loads(line.recv(size.unpack(head)[0]))
        if asked.get("do") == "exit":
            print("leaving", flush=True)
            sys.exit(7)
        if asked.get("do") == "raise":
            raise ValueError("no such luck")
        child = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
        facts = {
            "pid": os.getpid(), "parent": os.getppid(), "imported": IMPORTED, "child": child.pid, "argv": sys.argv,
            "env": dict(os.environ), "cwd": os.getcwd(), "dice": random.random(),
            "fds": sorted(map(int, os.listdir("/proc/self/fd")))[:-1],
        }
        body = json.dumps({"op": "loaded", "apps": [], "facts": facts}).encode()
        line.sendall(size.pack(len(body)) + body)
"""


class Lines:
    most = 1000

    def __init__(self):
        self.taken = []

    def take(self, stream, lines):
        self.taken += [(stream, one) for one in lines]


@pytest.fixture
def command(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    return Command((sys.executable, "-u", "-I", str(tmp_path / "program.py")), {"GIVEN": "1"})


@contextlib.asynccontextmanager
async def spares():
    made = Spares()
    try:
        yield made
    finally:
        await made.close()


async def facts_of(replica):
    loaded = await replica.load({})
    assert isinstance(loaded, Loaded)
    return loaded.facts


def is_there(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_copy_is_a_process_as_any_other(command, tmp_path):
    async def main():
        async with spares() as made:
            some = [await made.take(command, ProcessLimits()) for _ in range(3)]
            found = [await facts_of(one) for one in some]
            originals = {one["imported"] for one in found}
            assert len(originals) == 1, "the program was imported once"
            assert not originals & {one["pid"] for one in found}
            assert [one["parent"] for one in found] == [one.pid for one in some], "each has a keeper of its own"
            assert len({one["dice"] for one in found}) == 3
            for one in found:
                assert one["env"] == {"GIVEN": "1", "STOOK_REPLICA_FD": "3"}
                assert (one["argv"], one["cwd"]) == (list(command.argv), str(tmp_path))
                assert one["fds"] == [0, 1, 2, 3], "nothing of the host's, and nothing of another's"
            await some[0].stop()
            assert [is_there(one["child"]) for one in found] == [False, True, True], "with all that it started"
        for one in some[1:]:
            assert one.alive, "closing takes away none that was taken"
            await one.stop()
        assert not any(map(is_there, [*originals, *(one["pid"] for one in found), *(one.pid for one in some)]))

    asyncio.run(main())


def test_how_a_copy_ends_is_told_as_of_any_other(command):
    async def main():
        async with spares() as made:
            said = Lines()
            one = await made.take(command, ProcessLimits())
            assert await one.load({"do": "exit"}, said) == Died("exited with status 1")
            one = await made.take(command, ProcessLimits())
            assert await one.load({"do": "raise"}, said) == Died("exited with status 1")
            one = await made.take(command, ProcessLimits())
            os.kill((await facts_of(one))["pid"], signal.SIGKILL)
            assert await one.load({}) == Died("was killed by signal SIGKILL", struck=True)
            assert said.taken[0] == ("stdout", b"leaving")
            assert said.taken[-1] == ("stderr", b"ValueError: no such luck")

    asyncio.run(main())


def test_what_is_copied_is_replaced_when_it_has_died_or_another_program_is_asked_for(command, tmp_path):
    (tmp_path / "other.py").write_text(PROGRAM)
    other = Command((*command.argv[:-1], str(tmp_path / "other.py")), {})

    async def main():
        async with spares() as made:
            taken = [await made.take(command, ProcessLimits())]
            first = (await facts_of(taken[0]))["imported"]
            os.kill(first, signal.SIGKILL)
            taken.append(await made.take(command, ProcessLimits()))
            second = (await facts_of(taken[1]))["imported"]
            assert second != first
            taken.append(await made.take(other, ProcessLimits(memory=2**30)))
            assert (await facts_of(taken[2]))["imported"] != second
            assert not is_there(second)
            assert [one.alive for one in taken] == [True] * 3, "copies outlive what they were made of"
        taken.append(await made.take(command, ProcessLimits()))
        assert (await asyncio.gather(*(one.stop() for one in taken)))[2].reason is None

    asyncio.run(main())


def test_a_program_that_cannot_be_imported_is_started_as_it_is(command, tmp_path, caplog):
    (tmp_path / "program.py").write_text("raise ImportError('no')")

    async def main():
        async with spares() as made:
            one = await made.take(command, ProcessLimits())
            assert await one.load({}) == Died("exited with status 1")
        assert "none can be copied" in caplog.text

    asyncio.run(main())
