"""Parquet: one row per execution; `input`, `result` and `error` are columns of JSON text. Needs the extra `parquet`.

JSON text, because rows of one batch need not agree on fields or types, and the types of a Parquet file are said before
its first row. Query engines read it in place, as `result->>'$.price'` in DuckDB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from stook.core.payload import encode
from stook.files.disk import writing
from stook.files.parquet_rows import load_pyarrow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.files.result_row import ResultRow

__all__ = ["ByteTarget", "ParquetRows"]

_GROUP_ROWS: Final = 65_536
_GROUP_BYTES: Final = 32 * 1024 * 1024
_ROW_BYTES: Final = 200  # about what a row takes beside its input and result


class ByteTarget(Protocol):
    """Where the file goes; `path` names it in errors. Such is `stook.files.target.Target`."""

    @property
    def path(self) -> str: ...

    def write(self, data: bytes) -> object: ...


class ParquetRows:
    """Rows are held until `group_bytes` of them are there."""

    def __init__(self, target: ByteTarget, *, group_bytes: int = _GROUP_BYTES) -> None:
        self._target = target
        self._group_bytes = group_bytes
        self._pa, pq = load_pyarrow()
        self._schema = _schema(self._pa)
        self._rows: list[ResultRow] = []
        self._size = 0
        self._sink = _Sink(target)
        self._writer: Any = pq.ParquetWriter(self._sink, self._schema, compression="zstd")

    def write(self, rows: Sequence[ResultRow]) -> None:
        for row in rows:
            self._rows.append(row)
            self._size += _ROW_BYTES + len(row.input or b"") + len(row.result or b"")
            if len(self._rows) >= _GROUP_ROWS or self._size >= self._group_bytes:
                self._write_group()

    def _write_group(self) -> None:
        with writing(self._target.path):
            self._writer.write_table(self._pa.Table.from_pydict(_columns(self._rows), schema=self._schema))
        self._rows, self._size = [], 0

    def finish(self) -> None:
        if self._rows:
            self._write_group()
        with writing(self._target.path):
            self._writer.close()

    def drop(self) -> None:
        # Closed it must be, or it closes itself when collected; either way it writes the end of a file nobody wants.
        self._rows = []
        self._sink.deaf = True
        self._writer.close()


class _Sink:
    """A target as the file object that pyarrow wants. Closing it is the target's own business."""

    closed = False

    def __init__(self, target: ByteTarget) -> None:
        self._target = target
        self.deaf = False

    def write(self, data: Any) -> int:
        if not self.deaf:
            self._target.write(bytes(data))
        return len(data)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def _schema(pa: Any) -> Any:
    return pa.schema(
        [
            pa.field("index", pa.int64(), nullable=False),
            pa.field("key", pa.string()),
            pa.field("id", pa.string(), nullable=False),
            pa.field("state", pa.string(), nullable=False),
            pa.field("attempts", pa.int32(), nullable=False),
            pa.field("duration", pa.float64()),
            pa.field("error_type", pa.string()),
            pa.field("error_message", pa.string()),
            pa.field("error", pa.string()),
            pa.field("input", pa.string()),
            pa.field("result", pa.string()),
        ]
    )


def _columns(rows: list[ResultRow]) -> dict[str, list[Any]]:
    errors = [row.error or {} for row in rows]
    return {
        "index": [row.index for row in rows],
        "key": [_text(row.key) for row in rows],
        "id": [row.id for row in rows],
        "state": [row.state for row in rows],
        "attempts": [row.attempts for row in rows],
        "duration": [row.duration for row in rows],
        "error_type": [_text(error.get("type")) for error in errors],
        "error_message": [_text(error.get("message")) for error in errors],
        "error": [None if row.error is None else encode(row.error) for row in rows],
        "input": [row.input for row in rows],
        "result": [row.result for row in rows],
    }


def _text(value: str | None) -> bytes | None:
    return None if value is None else value.encode(errors="backslashreplace")
