"""Code to host, and the replicas that run it without a store."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import textwrap

from stook.hosting.launch import ProcessLimits, bootstrap_file
from stook.hosting.replica import Replica

PATIENCE = 60.0
ATTEMPT = {"attempt": 2, "max_attempts": 3, "queue": "stook/app", "created_at": 0, "fence": 7, "parent": None}
CONTEXT = {"metadata": {}, "timeout": None, "tags": ["new"], **ATTEMPT}


class Lines:
    """A sink."""

    def __init__(self, most=65_536):
        self.most = most
        self.all = []
        self.count = 0

    def take(self, stream, lines):
        self.count += len(lines)
        self.all = (self.all + [(stream, line.decode()) for line in lines])[-5000:]

    @property
    def text(self):
        return [line for _, line in self.all]


def write(folder, **files):
    for name, text in files.items():
        place = folder / name.replace("__", "/").replace("_dot_", ".")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text))
    return folder


@contextlib.asynccontextmanager
async def replica_of(
    root, entrypoint, *, python=sys.executable, program="stook_python.py", env=None, most=10_000, **limits
):
    """One with the code loaded: itself, and what it said to that."""
    argv = [str(python), "-u", "-I", str(bootstrap_file(program))]
    replica = await Replica.start(argv, cwd=root, env={}, limits=ProcessLimits(**limits))
    try:
        frame = {"path": str(root), "entrypoint": entrypoint, "env": env or {}, "most": most}
        async with asyncio.timeout(PATIENCE):
            loaded = await replica.load(frame)
        yield replica, loaded
    finally:
        await replica.stop()


async def run(
    replica,
    action,
    payload=None,
    *,
    app="app",
    module="main.",
    sink=None,
    execution="0192f0c1-7b7e-7000-8a2b-3c4d00000000",
):
    given = None if payload is ... else json.dumps(payload)
    frame = {"id": execution, "app": app, "action": module + action, "payload": given, "context": CONTEXT}
    async with asyncio.timeout(PATIENCE):
        return await replica.run(frame, sink)
