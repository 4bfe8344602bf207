"""Stores what long executions say while they run: looked at twice a second, one request under way at a time.

What is on its way when an attempt ends goes with its outcome once more, under the same numbers: it is stored once.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING, Final

from stook.core.errors import StoreUnavailable
from stook.core.log import AttemptLogs, LogPart
from stook.worker.logs.parts import shared_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.worker.held import Held
    from stook.worker.live import Live
    from stook.worker.logs.captured import CapturedLog, Piece
    from stook.worker.source import Source

__all__ = ["LogKeeper"]

logger = logging.getLogger("stook.worker")

MOST: Final = 2 * 2**20
"""Bytes of one request, about; the rest goes with the next."""


class LogKeeper:
    def __init__(self, source: Source, live: Live, clock: Callable[[], float] = monotonic) -> None:
        self._source = source
        self._live = live
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._refused = False

    def look(self) -> None:
        """On the loop, now and then."""
        if self._refused or (self._task is not None and not self._task.done()):
            return
        due, told = self._due()
        if due:
            self._task = asyncio.get_running_loop().create_task(self._send(due, told), name="stook logs")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _due(self) -> tuple[list[AttemptLogs], list[tuple[CapturedLog, int, list[Piece]]]]:
        now, size = self._clock(), 0
        due: list[AttemptLogs] = []
        told: list[tuple[CapturedLog, int, list[Piece]]] = []
        for held in self._live.all():
            if not held.logs or size > MOST:
                continue
            token = held.piece.token
            parts: list[LogPart] = []
            for log, members in _logs(held):
                pieces = log.due(token, now)
                if pieces:
                    parts += shared_parts(held, members, pieces)
                    told.append((log, token, pieces))
                    size += sum(len(piece.body) for piece in pieces)
                if size > MOST:
                    break
            if parts:
                due.append(AttemptLogs(token, held.piece.batch_id, parts))
        return due, told

    async def _send(self, due: list[AttemptLogs], told: list[tuple[CapturedLog, int, list[Piece]]]) -> None:
        try:
            await self._source.keep_logs(due)
        except StoreUnavailable:
            return  # tried again at the next look; the outcome has it in the end
        except Exception as error:  # noqa: BLE001 -- a server of another time, or a mistake of ours: outcomes go on
            self._refused = True
            logger.warning("logs are stored with outcomes alone, not while executions run: %s", error)
            return
        now = self._clock()
        for log, token, pieces in told:
            log.stored(token, pieces, now)


def _logs(held: Held) -> list[tuple[CapturedLog, list[int]]]:
    """Each with whose it is: one item's, or that of the members of a group."""
    found: dict[int, tuple[CapturedLog, list[int]]] = {}
    for offset, log in sorted(held.logs.copy().items()):
        found.setdefault(id(log), (log, []))[1].append(offset)
    return list(found.values())
