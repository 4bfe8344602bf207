"""One program under a keeper of its own: what it may use, what it writes, how it ends.

The keeper (`bootstrap/keeper.py`) is what makes an end an end: whatever the program has started goes with it, in a
session of its own or not, and all of it goes with the host, however that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import socket
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from stook.hosting.finishing import to_its_end
from stook.hosting.frames import BrokenLine, read_frame, to_bytes
from stook.hosting.orphans import end_orphans
from stook.hosting.output import Output, Pipes
from stook.hosting.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from stook.hosting.original import Copy, Original

__all__ = ["Exit", "Launched", "ProcessLimits", "bootstrap_file", "launch"]

_FD_LINE: Final = "3"
_AFTER_END: Final = 15.0
"""Seconds in which a keeper that has lost its program tells so."""


class ProcessLimits(msgspec.Struct, frozen=True):
    """Of a program and all it starts: `memory` bytes, `tasks` processes and threads; 0: as much as there is. `uid`: it
    runs as this user, which the host may only choose as root; None: as the host's own."""

    memory: int = 0
    tasks: int = 0
    uid: int | None = None


class Exit(msgspec.Struct, frozen=True):
    """`status` as `Popen.returncode`; None: nobody knows. `reason`: what it was killed for by its keeper. `memory`: the
    most that it was seen to have, in bytes."""

    status: int | None
    reason: Literal["memory", "tasks", "start"] | None = None
    detail: str = ""
    memory: int = 0

    @property
    def struck(self) -> bool:
        """By somebody else's SIGKILL, it or its keeper, as far as anybody knows."""
        return self.reason is None and self.status in (None, -signal.SIGKILL)


class Launched:
    """`line` is this end of the socket that the program has under the number in STOOK_REPLICA_FD, `turns` of the pipe
    under the next number, which copies have not."""

    def __init__(self, keeper: subprocess.Popen[bytes] | Copy, output: Output, turns: Turns) -> None:
        self._keeper = keeper
        self.output = output
        self.turns = turns
        self.exit: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.ours: asyncio.StreamReader
        self.line: asyncio.StreamWriter
        self._control: asyncio.StreamWriter
        self._again: socket.socket
        """The same end as `line`: a write to who is dead closes that, with whatever it had still said."""
        self.last_words = b""
        """Of the line, what nobody had read when it ended."""

    async def connect(self, control: socket.socket, line: socket.socket, spec: dict[str, Any]) -> None:
        reader, self._control = await asyncio.open_connection(sock=control)
        self._again = line.dup()
        self.ours, self.line = await asyncio.open_connection(sock=line)
        self._control.write(to_bytes(spec))
        self._waiting = asyncio.create_task(self._wait(reader), name="stook replica")

    @property
    def gone(self) -> bool:
        return self.exit.done()

    @property
    def pid(self) -> int:
        """The keeper's."""
        return self._keeper.pid

    def terminate(self) -> None:
        """SIGTERM to it and all that it has started."""
        self._order("term")

    def kill(self) -> None:
        """SIGKILL to the same. `exit` tells when all of it is gone."""
        self._order("kill")

    async def end(self, grace: float) -> Exit:
        """SIGTERM, SIGKILL after `grace` seconds, and what became of it. Nothing of it is left on return."""
        if grace > 0 and not self.gone:
            self.terminate()
            await asyncio.wait({self.exit}, timeout=grace)
        if not self.gone:
            self.kill()
        return await asyncio.shield(self.exit)

    def _order(self, op: str) -> None:
        if not self.gone:
            with contextlib.suppress(OSError, RuntimeError):
                self._control.write(to_bytes({"op": op}))

    async def _wait(self, reader: asyncio.StreamReader) -> None:
        told: dict[str, Any] | None = None
        with contextlib.suppress(BrokenLine):
            told = await read_frame(reader)
        self._control.close()  # what the keeper waits for: nothing of what it has told can be lost
        try:
            await asyncio.to_thread(self._keeper.wait, _AFTER_END)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            await asyncio.to_thread(self._keeper.wait)
        if told is None:  # the keeper was killed, and keeps nothing any more
            await asyncio.to_thread(end_orphans)
        self.output.close()
        self.turns.close()
        self.last_words = _unread(self._again)
        self._again.close()
        self.line.close()
        if not self.exit.done():
            self.exit.set_result(
                Exit(None)
                if told is None
                else Exit(told["status"], told["reason"], told.get("detail", ""), told["memory"])
            )


async def launch(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    limits: ProcessLimits,
    original: Original | None = None,
) -> Launched:
    """Starts it; `OSError` if there is no room for one more process. It has no environment but `env` and the number of
    its line. With an `original` it is a copy of that, whose program is the one that `argv` names."""
    control, theirs = socket.socketpair()
    ours, line = socket.socketpair()
    pipes, turns = Pipes(), Turns()
    with theirs, line:
        try:
            keeper: subprocess.Popen[bytes] | Copy
            if original is not None:
                keeper = await original.copy(theirs.fileno(), line.fileno(), *pipes.theirs)
            else:
                keeper = _keeper(theirs.fileno(), line.fileno(), turns.theirs, pipes)
        except BaseException:
            pipes.close()
            turns.close()
            control.close()
            ours.close()
            raise
    turns.handed_over()
    launched = Launched(keeper, Output(pipes), turns)
    spec = {
        "argv": list(argv),
        "env": {**env, "STOOK_REPLICA_FD": _FD_LINE},
        "cwd": str(cwd),
        "uid": limits.uid,
        "memory": limits.memory,
        "tasks": limits.tasks,
        "rlimits": _rlimits(limits),
    }
    try:
        await to_its_end(launched.connect(control, ours, spec))
    except asyncio.CancelledError:
        await to_its_end(launched.end(0))
        raise
    return launched


def _keeper(control: int, line: int, turns: int, pipes: Pipes) -> subprocess.Popen[bytes]:
    given = (control, line, turns)
    command = [sys.executable, "-I", "-S", str(bootstrap_file("keeper.py")), *map(str, given)]
    return subprocess.Popen(  # noqa: S603 -- our own program; it is exec'ed within milliseconds
        command,
        stdin=subprocess.DEVNULL,
        stdout=pipes.theirs[0],
        stderr=pipes.theirs[1],
        pass_fds=given,
        start_new_session=True,
        env={},
        cwd="/",
    )


def _unread(ours: socket.socket) -> bytes:
    found = bytearray()
    ours.setblocking(False)  # noqa: FBT003 -- positional only
    with contextlib.suppress(OSError):
        while piece := ours.recv(1 << 18):
            found += piece
    return bytes(found)


def bootstrap_file(name: str) -> Path:
    """One of the programs that run in other interpreters, as a file."""
    found: Any = files("stook.hosting").joinpath("bootstrap", name)
    return found  # type: ignore[no-any-return]


def _rlimits(limits: ProcessLimits) -> dict[str, int]:
    made = {"RLIMIT_CORE": 0}
    if limits.memory:
        made["RLIMIT_DATA"] = 4 * limits.memory + 2**30  # address space, far more of which is asked for than used
    if limits.tasks and limits.uid is not None:
        made["RLIMIT_NPROC"] = 4 * limits.tasks
    return {name: value for name, value in made.items() if hasattr(resource, name)}
