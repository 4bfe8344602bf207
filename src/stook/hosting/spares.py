"""Processes ahead of their work: their runtime is imported, and nobody's code is loaded yet.

    take ──▶ the spare one, if there is one, else a fresh one ──▶ it loads a release
    refill ──▶ another spare, once that is done

Of programs that take seconds to begin and are the same for every release.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from stook.hosting.replica import Replica

if TYPE_CHECKING:
    from stook.hosting.dialects import Command
    from stook.hosting.launch import ProcessLimits

__all__ = ["Spares"]

log = logging.getLogger("stook.hosting")


class Spares:
    """On one loop. One spare process at a time, of the program that was asked for last."""

    def __init__(self) -> None:
        self._kind: tuple[Command, ProcessLimits] | None = None
        self._spare: Replica | None = None
        self._filling: asyncio.Task[None] | None = None
        self._closed = False

    async def take(self, command: Command, limits: ProcessLimits) -> Replica:
        """The caller's to stop. It has its working folder still to choose. `OSError` if there is no room for one."""
        spare = self._out() if self._kind == (command, limits) else None
        if spare is not None and spare.alive:
            return spare
        return await _start(command, limits)

    def refill(self, command: Command, limits: ProcessLimits) -> None:
        """Begins another one, unless there is one of this kind."""
        if self._closed or (self._filling is not None and not self._filling.done()):
            return
        if self._kind != (command, limits) or self._spare is None or not self._spare.alive:
            self._filling = asyncio.create_task(self._fill(command, limits), name="stook spare replica")

    async def close(self) -> None:
        """No process of it is left on return."""
        self._closed = True
        if self._filling is not None:
            await asyncio.gather(self._filling, return_exceptions=True)
        spare = self._out()
        if spare is not None:
            await spare.stop()

    async def _fill(self, command: Command, limits: ProcessLimits) -> None:
        old = self._out()
        if old is not None:
            await old.stop()
        try:
            self._spare = await _start(command, limits)
        except OSError as error:
            log.warning("there is no spare process for workflows: %s", error)
        else:
            self._kind = (command, limits)

    def _out(self) -> Replica | None:
        spare, self._spare = self._spare, None
        return spare


async def _start(command: Command, limits: ProcessLimits) -> Replica:
    return await Replica.start(command.argv, cwd=Path(command.argv[-1]).parent, env=command.env, limits=limits)
