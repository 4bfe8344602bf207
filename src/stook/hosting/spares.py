"""Programs that take seconds to import and are the same for every release, imported ahead of their work.

    take ──▶ the original of that program, begun if it must be ──▶ a copy ──▶ it loads a release

The original has no code of a release, and costs its memory once: copies share it.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stook.hosting.launch import bootstrap_file
from stook.hosting.original import Original
from stook.hosting.replica import Replica

if TYPE_CHECKING:
    from stook.hosting.dialects import Command
    from stook.hosting.launch import ProcessLimits

__all__ = ["Spares"]

_PATIENCE: Final = 120.0

log = logging.getLogger("stook.hosting")


class Spares:
    """On one loop. One original at a time, of the program that was asked for last."""

    def __init__(self) -> None:
        self._command: Command | None = None
        self._original: Original | None = None
        self._choosing = asyncio.Lock()
        self._closed = False

    async def take(self, command: Command, limits: ProcessLimits) -> Replica:
        """The caller's to stop. It has its working folder still to choose. `OSError` if there is no room for one."""
        for _ in range(2):  # it may have died since it was last looked at
            try:
                original = await self._of(command)
            except OSError as error:
                log.warning("workflows are started one by one, for none can be copied: %s", error)
                break
            if original is None:
                break
            try:
                return await _start(command, limits, original)
            except OSError as error:
                log.warning("a workflow's process was not copied: %s", error)
                await self._forget(original)
        return await _start(command, limits)

    async def close(self) -> None:
        """No process of it is left on return, but for those that were taken."""
        self._closed = True
        async with self._choosing:
            await self._drop()

    async def _of(self, command: Command) -> Original | None:
        async with self._choosing:
            if self._closed:
                return None
            if self._command != command or self._original is None or not self._original.alive:
                await self._drop()
                programs = bootstrap_file("original.py"), bootstrap_file("keeper.py"), Path(command.argv[-1])
                self._original = await Original.start(command.argv[0], programs, env=command.env, within=_PATIENCE)
                self._command = command
            return self._original

    async def _forget(self, original: Original) -> None:
        async with self._choosing:
            if self._original is original:
                await self._drop()

    async def _drop(self) -> None:
        original, self._original = self._original, None
        if original is not None:
            await original.close()


async def _start(command: Command, limits: ProcessLimits, original: Original | None = None) -> Replica:
    where = Path(command.argv[-1]).parent
    return await Replica.start(command.argv, cwd=where, env=command.env, limits=limits, original=original)
