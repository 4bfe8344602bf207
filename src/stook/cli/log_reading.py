"""Reading what one execution says, to its end if that is wanted."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.cli.documents import print_document
from stook.cli.single import find_execution
from stook.core.errors import OptionError
from stook.core.log_text import log_text
from stook.core.states import TERMINAL

if TYPE_CHECKING:
    from stook.client.backend import Reading
    from stook.store.script.read.logs import LogEntry

__all__ = ["LogReading"]

_PAUSE: Final = 0.5
"""Seconds between two looks."""


class LogReading:
    def __init__(self, engine: Reading, batch_id: bytes, index: int, attempt: int | None) -> None:
        self._engine = engine
        self._batch_id = batch_id
        self._index = index
        self._attempt = attempt
        self._after: str | None = None

    @classmethod
    async def of(cls, engine: Reading, text: str, item: str | None, attempt: int | None) -> LogReading:
        """`text` is an execution's id, or names a batch with the item in it."""
        if attempt is not None and attempt < 1:
            raise OptionError(f"--attempt {attempt}: attempts count from 1")
        return cls(engine, *await find_execution(engine, text, item), attempt)

    async def show(self, *, follow: bool, as_json: bool) -> None:
        while True:
            ended = not follow or await self._has_ended()
            await self._print(as_json=as_json)
            if ended:
                return
            await asyncio.sleep(_PAUSE)

    async def _has_ended(self) -> bool:
        """Looked at before the lines: what comes with its end is there then."""
        view = await self._engine.item(self._batch_id, index=self._index)
        return view.item.state in TERMINAL

    async def _print(self, *, as_json: bool) -> None:
        more = True
        while more:
            page = await self._engine.logs(
                self._batch_id, self._index, attempt=self._attempt, after=self._after, limit=500
            )
            for one in page.lines:
                if as_json:
                    print_document(_document(one))
                else:
                    text = log_text(one.at, one.attempt, one.level, one.source, one.message, one.fields)
                    sys.stdout.write(text + "\n")
                self._after = one.cursor
            sys.stdout.flush()
            more = page.next is not None


def _document(entry: LogEntry) -> dict[str, Any]:
    return msgspec.structs.asdict(entry) | {"cursor": entry.cursor}
