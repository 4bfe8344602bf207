"""Streams of the server that outlive their connections.

connect ──▶ read ──▶ … ──▶ end
   ▲         │ cut
   └─ pause ◀┘  from the cursor of the last whole frame, row
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import msgspec

from stook.client import calls
from stook.client.event_stream import EventParser
from stook.client.exact import in_shape
from stook.client.refused import error_of
from stook.client.transport import SILENCE, Lost
from stook.core.errors import StoreUnavailable
from stook.wire.execution import Execution
from stook.wire.problem import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from stook.client.connection import Connection
    from stook.client.event_stream import ServerEvent
    from stook.client.request import Request

__all__ = ["follow", "stream_rows"]

_QUIET: Final = 35.0
"""Seconds of silence on a followed stream, whose server sends a beat every ten."""
_LEAST: Final = 0.05


async def follow(
    connection: Connection, request: Callable[[str | None], Request[None]], *, until: float | None = None
) -> AsyncGenerator[ServerEvent]:
    """Frames up to `end`, each once, or until the clock says `until`. `request` is given the cursor to go on from."""
    patience, cursor = connection.patience(), None
    while True:
        left = None if until is None else until - connection.clock()
        if left is not None and left <= 0:
            return
        silence = _QUIET if left is None else max(_LEAST, min(_QUIET, left))
        parser = EventParser()
        try:
            async with (
                connection.stream(request(cursor), patience, silence) as stream,
                aclosing(stream.pieces()) as pieces,
            ):
                async for piece in pieces:
                    for event in parser.feed(piece):
                        _check(event, connection)
                        patience.renew()
                        cursor = event.cursor or cursor
                        yield event
                        if event.name == "end":
                            return
                    if until is not None and until - connection.clock() < min(silence, _QUIET / 2) / 2:
                        break  # this one would be silent for too long: the next is asked for less
                else:
                    await patience.after(Lost("the stream ended before the batch did"))
        except Lost as lost:
            if lost.quiet and until is not None and connection.clock() >= until:
                return
            await patience.after(lost)


def _check(event: ServerEvent, connection: Connection) -> None:
    """`Lost` for an error that may pass."""
    if event.name != "error":
        return
    error = error_of(msgspec.json.decode(event.data, type=Refused).error, connection.server)
    if isinstance(error, StoreUnavailable):
        raise Lost(str(error))
    raise error


async def stream_rows(connection: Connection, batch: str, order: str, after: int) -> AsyncGenerator[list[Execution]]:
    """Executions in input order, or as they settled up to now, behind `after`: each once, whatever is cut."""
    patience = connection.patience()
    while True:
        rest: list[bytes] = []
        try:
            async with (
                connection.stream(calls.results(batch, order, after), patience, SILENCE) as stream,
                aclosing(stream.pieces()) as pieces,
            ):
                async for piece in pieces:
                    if b"\n" not in piece:
                        rest.append(piece)
                        continue
                    *lines, last = b"".join([*rest, piece]).split(b"\n")
                    rest = [last]
                    rows = [in_shape(line, Execution) for line in lines]
                    patience.renew()
                    after = _behind(rows[-1], order)
                    yield rows
            return  # noqa: TRY300 - the stream is whole
        except Lost as lost:
            await patience.after(lost)


def _behind(row: Execution, order: str) -> int:
    if order == "input":
        return row.index + 1
    assert row.settle is not None
    return row.settle + 1
