"""That this program works on a store, told to others; and whether a newer program wants it to stop."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Final

from stook.core.errors import SchemaTooNew, StoreError
from stook.engine import process
from stook.store.script.orchestrator_row import Program, forget_program, see_program

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.port import Store

__all__ = ["Presence"]

HEARTBEAT: Final = 10.0
"""Seconds between two signs of life."""


class Presence:
    """`told` are called once, with the reason, when this program has to make way for a newer one."""

    def __init__(self, store: Store, *, version: str, schema: int) -> None:
        self._store = store
        self.program = Program(secrets.token_hex(8), process.host(), process.process(), version, schema)
        self.told: list[Callable[[SchemaTooNew], None]] = []
        self.asked: SchemaTooNew | None = None
        self._beating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._see()
        self._beating = asyncio.create_task(self._beat(), name="stook-presence")

    async def stop(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
            self._beating = None
        with contextlib.suppress(StoreError):
            await self._store.write(forget_program, self.program.id)

    async def _beat(self) -> None:
        while self.asked is None:
            await asyncio.sleep(HEARTBEAT)
            with contextlib.suppress(StoreError):
                await self._see()
        while True:  # it is there until it has stopped
            await asyncio.sleep(HEARTBEAT)
            with contextlib.suppress(StoreError):
                await self._store.write(see_program, self.program)

    async def _see(self) -> None:
        reason = await self._store.write(see_program, self.program)
        if reason is not None and self.asked is None:
            self.asked = SchemaTooNew(reason, hint="upgrade stook on this machine")
            for hear in self.told[:]:
                hear(self.asked)
