"""Processes ahead of their work."""

from __future__ import annotations

import asyncio
import sys

from stook.hosting.dialects import Command
from stook.hosting.launch import ProcessLimits
from stook.hosting.spares import Spares

WAITS = "import os, socket; socket.socket(fileno=int(os.environ['STOOK_REPLICA_FD'])).recv(1)\n"


def test_one_waits_and_goes_to_who_asks_for_its_kind(tmp_path):
    async def main():
        (tmp_path / "waits.py").write_text(WAITS)
        command = Command((sys.executable, "-I", "-S", str(tmp_path / "waits.py")), {})
        some, other = ProcessLimits(), ProcessLimits(memory=2**30)
        spares = Spares()
        taken = [await spares.take(command, some)]
        for _ in range(2):
            spares.refill(command, some)
            await asyncio.gather(*_filling())
        (spare,) = _spare(spares)
        taken.append(await spares.take(command, other))
        assert taken[-1] is not spare, "of another kind"
        taken.append(await spares.take(command, some))
        assert taken[-1] is spare
        assert _spare(spares) == []
        spares.refill(command, some)
        await asyncio.gather(*_filling())
        (dead,) = _spare(spares)
        await dead.stop()
        taken.append(await spares.take(command, some))
        assert taken[-1] is not dead
        assert taken[-1].alive
        spares.refill(command, other)
        await spares.close()
        assert _spare(spares) == []
        spares.refill(command, other)
        assert _filling() == []
        for one in taken:
            await one.stop()

    asyncio.run(main())


def _filling():
    return [one for one in asyncio.all_tasks() if one.get_name() == "stook spare replica"]


def _spare(spares):
    return [] if spares._spare is None else [spares._spare]
