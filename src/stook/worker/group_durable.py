"""What the members of a group do together that outlives its call: they sleep, and go on as a group."""

from __future__ import annotations

import asyncio
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from stook.core.moments import seconds_of
from stook.core.wait import Wait
from stook.worker.conversion import encode_payload
from stook.worker.failures import Cancelled
from stook.worker.memory import check_key
from stook.worker.rememberer import lease_lost
from stook.worker.suspend import Released, Suspend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.moments import Duration
    from stook.worker.facilities import Facilities
    from stook.worker.group_ending import Run
    from stook.worker.signals import Signal

__all__ = ["GroupDurable"]


class GroupDurable:
    """On the worker's loop. `wait` is what the members wait for, once the group is suspended."""

    def __init__(self, runs: Sequence[Run], signal: Signal, facilities: Facilities) -> None:
        self.facilities = facilities
        self._runs = runs
        self._signal = signal
        self.wait: Wait | None = None
        self.handed_back = False

    async def sleep_all(self, key: str, duration: Duration) -> None:
        seconds = seconds_of("sleep_all", duration)
        check_key(key)
        self._check()
        if all(_slept(run, offset, key) for run in self._runs for offset in run.offsets):
            await asyncio.sleep(0)  # a loop that asks for one key for ever must not be all that runs
            return
        self.wait = Wait(key, "sleep", seconds=seconds, code=self._runs[0].held.definition.code)
        raise Suspend

    def is_slept(self, run: Run, offset: int) -> bool:
        """The member has slept already what the others still have to."""
        return self.wait is not None and _slept(run, offset, self.wait.key)

    async def emit(self, name: str, payload: Any) -> str:
        piece = self._runs[0].held.piece
        raw = encode_payload(f"event {name!r}", payload)
        return await self.facilities.outside.emit(piece.project, name, raw, trace=piece.trace)

    async def extend(self) -> None:
        """The members' leases are whole ones again."""
        remember = self.facilities.rememberer.remember
        held = {run.held.piece.token: run for run in self._runs}.values()
        await asyncio.gather(*(remember(run.held, run.offsets[0], (), extend=True) for run in held))

    def _check(self) -> None:
        if self.wait is not None:
            raise Suspend
        first = self._runs[0].held
        reason = self._signal.reason
        if reason == "lease_lost":
            raise lease_lost(first, self._runs[0].offsets[0])
        if reason is not None and reason != "shutdown":
            raise Cancelled(reason)
        if reason == "shutdown" or first.stopping:
            raise Released("shutdown")
        if perf_counter_ns() >= first.closes:
            self.handed_back = True
            raise Released("window")


def _slept(run: Run, offset: int, key: str) -> bool:
    return any(memo.key == key and memo.kind == "sleep" for memo in run.held.piece.memos.get(offset, ()))
