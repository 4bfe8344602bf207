"""All results of a batch as one stream, in the order of the input or as they settled."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import TYPE_CHECKING, Final, assert_never

import msgspec

from stook.core.payload import encode
from stook.engine.row_stream import rows_as_settled, rows_in_order
from stook.server.call import JSON, as_json
from stook.server.flow import Flow
from stook.server.route import Route
from stook.server.shown import execution_of
from stook.server.words import item_states
from stook.wire.execution import ResultQuery

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from starlette.responses import Response

    from stook.server.call import Call
    from stook.server.ports import ResultFile
    from stook.store.script.read.item_row import ItemRow

__all__ = ["ROUTES"]

PARQUET: Final = "application/vnd.apache.parquet"
_NEWLINES: Final = bytes.maketrans(b"\r\n", b"  ")
_encoder: Final = msgspec.json.Encoder()
COLUMNS: Final = (
    "index",
    "key",
    "id",
    "state",
    "attempts",
    "duration",
    "error_type",
    "error_message",
    "settle",
    "input",
    "result",
)
"""Of CSV: `input` and `result` are JSON texts."""


async def stream_results(call: Call) -> Response:
    batch_id = await call.batch_id()
    query = call.query(ResultQuery)
    await call.tenant.engine.show(batch_id)  # one that was deleted is refused before the answer begins
    services = call.services
    states = item_states(query.state)
    if query.order == "input":
        groups = rows_in_order(services.store, services.blobs, batch_id, query.after, states, query.tag)
    else:
        groups = rows_as_settled(services.store, services.blobs, batch_id, query.after, states, query.tag)
    patience = services.limits.drain_seconds
    match query.format:
        case "ndjson":
            return Flow(_lines(groups), media_type="application/x-ndjson", patience=patience)
        case "json":
            return Flow(_array(groups), media_type=JSON, patience=patience)
        case "csv":
            return Flow(_table(groups), media_type="text/csv", patience=patience)
        case "parquet":
            file = await asyncio.to_thread(services.items.parquet)  # what is not installed is refused here
            return Flow(_file(groups, file), media_type=PARQUET, patience=patience)
        case _:
            assert_never(query.format)


async def _lines(groups: AsyncIterator[list[ItemRow]]) -> AsyncGenerator[bytes]:
    async for rows in groups:
        shown = [execution_of(_on_one_line(row)) for row in rows]
        try:
            yield _encoder.encode_lines(shown)
        except UnicodeEncodeError:
            yield b"".join([encode(one) + b"\n" for one in shown])


async def _array(groups: AsyncIterator[list[ItemRow]]) -> AsyncGenerator[bytes]:
    opening = b"["
    async for rows in groups:
        yield opening + b",\n".join([as_json(execution_of(row)) for row in rows])
        opening = b",\n"
    yield b"[]" if opening == b"[" else b"]"


async def _table(groups: AsyncIterator[list[ItemRow]]) -> AsyncGenerator[bytes]:
    yield _csv([COLUMNS])
    async for rows in groups:
        yield _csv([_cells(row) for row in rows])


async def _file(groups: AsyncIterator[list[ItemRow]], file: ResultFile) -> AsyncGenerator[bytes]:
    whole = False
    try:
        async for rows in groups:
            piece = await asyncio.to_thread(file.add, rows)
            if piece:
                yield piece
        last = await asyncio.to_thread(file.finish)
        whole = True
        yield last
    finally:
        if not whole:
            file.drop()


def _on_one_line(row: ItemRow) -> ItemRow:
    """A line break in JSON is whitespace, here it would be the end of the row."""
    if b"\n" in row.input or b"\r" in row.input:
        row.input = row.input.translate(_NEWLINES)
    if row.result is not None and (b"\n" in row.result or b"\r" in row.result):
        row.result = row.result.translate(_NEWLINES)
    return row


def _cells(row: ItemRow) -> Sequence[object]:
    error = row.error
    return (
        row.index,
        row.key,
        row.id,
        row.state.name,
        row.attempts,
        None if row.duration is None else row.duration / 1_000_000,
        None if error is None else error.type,
        None if error is None else error.message,
        row.settle,
        row.input.decode(),
        None if row.result is None else row.result.decode(),
    )


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode(errors="backslashreplace")


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/batches/{batch}/results",
        name="stream_results",
        scope="read",
        handler=stream_results,
        summary="Every execution joined with its input and result, as a stream",
        query=ResultQuery,
        answers=((200, "application/x-ndjson"), (200, "text/csv"), (200, "application/json"), (200, PARQUET)),
    )
]
