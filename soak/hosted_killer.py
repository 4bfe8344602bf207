"""Kills what hosts: servers, the keepers below them, the processes of the app; two at once now and then.

server ─▶ keeper ─▶ replica ─▶ what the app has started
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from soak.servers import ROLE
from soak.tables import open_tables
from stook.hosting.bootstrap.keeper import children

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from soak.crew import Crew
    from soak.servers import Servers

__all__ = ["Killer", "running"]

_KINDS: Final = ("server", "keeper", "replica", "server and keeper")
_WEIGHTS: Final = (3, 3, 6, 1)
_LIVES: Final = 0.6
"""How often one that was killed may come back before the next kill."""
_BUILDING: Final = 0.4
"""How often a server is the one, while something is built."""


class Killer:
    """A build bears two lost hosts and two killed processes, so it is spared the third: `killed` says what was not."""

    def __init__(self, crew: Crew, servers: Servers, url: str, dice: random.Random) -> None:
        self.killed: Counter[str] = Counter()
        self._crew = crew
        self._servers = servers
        self._url = url
        self._dice = dice
        self._loaders: Counter[str] = Counter()

    async def kill_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, self._dice.uniform(0.4, 2.0)))
            self._crew.look()
            kind = self._dice.choices(_KINDS, _WEIGHTS)[0]
            await self.kill("server" if await self._building() and self._dice.random() < _BUILDING else kind)

    async def kill(self, kind: str) -> None:
        """One of this kind, if there is one."""
        building = await self._building()
        post = self._dice.choice([one for one in self._crew.posts if one.role == ROLE])
        assert post.child is not None
        keepers = _keepers(post.child.pid)
        if kind in ("keeper", "replica") and keepers:
            keeper = self._dice.choice(keepers)
            if self._spares(keeper, building):
                return
            those = [keeper] if kind == "keeper" else children(keeper)
            self.killed[f"{kind}s"] += sum(map(_strike, those))
        if kind.startswith("server") and not any(losses for losses in building.values()):
            if kind != "server" and keepers:
                self.killed["keepers"] += _strike(self._dice.choice(keepers))
            self._crew.kill(post)
            self._crew.fill(post)
            if self._dice.random() < _LIVES:
                await self._servers.ready()

    def _spares(self, keeper: int, building: dict[str, int]) -> bool:
        """Of one that is being built, the third process that loads it."""
        for one in children(keeper):
            deployment = _folder_of(one)
            if deployment in building:
                self._loaders[deployment] += 1
                return self._loaders[deployment] > 1
        return False

    async def builds_lost(self) -> int:
        """Hosts that were lost while they built."""
        async with open_tables(self._url) as tables:
            return int((await tables.fetch("select coalesce(sum(losses), 0) from hosted_deployment"))[0][0])

    async def _building(self) -> dict[str, int]:
        """Deployments, and how many hosts each has lost as far as is known: there may be one more."""
        async with open_tables(self._url) as tables:
            query = "select id, losses from hosted_deployment where state in ('queued', 'building')"
            return {row[0]: row[1] for row in await tables.fetch(query)}


def _keepers(host: int) -> list[int]:
    return [one for one in children(host) if b"keeper.py" in _command(one)]


def _folder_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cwd").readlink().parent.name
    except OSError:
        return ""


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _strike(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def running(word: str, pids: Iterable[int] = ()) -> list[int]:
    """Processes that have this word in their command; with `pids` only of those."""
    those = pids or [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
    return [pid for pid in those if pid != os.getpid() and word.encode() in _command(pid)]
