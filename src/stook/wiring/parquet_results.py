"""Results as a Parquet file that is sent while it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stook.files.result_row import ResultRow
from stook.files.write_parquet import ParquetRows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.script.read.item_row import ItemRow

__all__ = ["ParquetResults"]

GROUP_BYTES: Final = 8 * 2**20
"""Of the rows that one reader makes a server hold."""


class _Pieces:
    """What has been written since it was last taken."""

    path = "results.parquet"

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._written.append(data)

    def take(self) -> bytes:
        taken, self._written = b"".join(self._written), []
        return taken


class ParquetResults:
    """Implements `stook.server.ports.ResultFile`. `MissingExtra` without pyarrow."""

    def __init__(self) -> None:
        self._pieces = _Pieces()
        self._rows = ParquetRows(self._pieces, group_bytes=GROUP_BYTES)

    def add(self, rows: Sequence[ItemRow]) -> bytes:
        self._rows.write([_row(one) for one in rows])
        return self._pieces.take()

    def finish(self) -> bytes:
        self._rows.finish()
        return self._pieces.take()

    def drop(self) -> None:
        self._rows.drop()


def _row(row: ItemRow) -> ResultRow:
    error: dict[str, Any] | None = None
    if row.error is not None:
        error = {name: getattr(row.error, name) for name in ("type", "code", "message", "fingerprint")}
    return ResultRow(
        index=row.index,
        key=row.key,
        id=row.id,
        state=row.state.name,
        input=row.input,
        result=row.result,
        error=error,
        attempts=row.attempts,
        duration=None if row.duration is None else row.duration / 1_000_000,
    )
