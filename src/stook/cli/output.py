"""Rows of the store on their way into a result file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.files.result_row import ResultRow
from stook.files.write import open_results

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from stook.files.formats import OutputFormat
    from stook.store.script.read.item_row import ItemRow

__all__ = ["check_output", "result_row", "write_results"]


def check_output(path: str, format_: OutputFormat | None) -> None:
    """Raises now what would go wrong at the end: no such folder, not allowed, format unknown. Leaves nothing behind."""
    open_results(path, format_).abort()


async def write_results(
    pages: AsyncIterator[list[ItemRow]],
    path: str,
    format_: OutputFormat | None,
    wanted: Callable[[ItemRow], bool] = lambda _: True,
) -> int:
    """A file appears when it is complete. Returns how many rows it has."""
    written = 0
    with open_results(path, format_) as writer:
        async for page in pages:
            rows = [result_row(row) for row in page if wanted(row)]
            if rows:
                writer.write(rows)
            written += len(rows)
    return written


def result_row(row: ItemRow) -> ResultRow:
    return ResultRow(
        index=row.index,
        key=row.key,
        id=row.id,
        state=row.state.name,
        input=row.input,
        result=row.result,
        error=None if row.error is None else _error(msgspec.structs.asdict(row.error)),
        attempts=row.attempts,
        duration=None if row.duration is None else row.duration / 1_000_000,
    )


def _error(error: dict[str, str]) -> dict[str, str]:
    if not error["traceback"]:
        del error["traceback"]
    return error
