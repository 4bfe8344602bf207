"""Parquet: each row one JSON object. Needs the extra `parquet`.

Decimals, dates and times become strings, bytes base64, as everywhere in stook; NaN is refused like any NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stook.core.errors import InputError, MissingExtra, PayloadError
from stook.core.payload import encode_many
from stook.files.block import BLOCK_ITEMS, Block, place
from stook.files.csv_rows import check_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["load_pyarrow", "read_parquet"]

_BATCH_BYTES: Final = 1024 * 1024


def load_pyarrow() -> tuple[Any, Any]:
    """The modules `pyarrow` and `pyarrow.parquet`, loaded only when somebody reads or writes Parquet."""
    try:
        import pyarrow as pa  # noqa: PLC0415 -- optional, and slow to load
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("Parquet needs pyarrow", hint="pip install 'stook[parquet]'") from error
    return pa, pq


def read_parquet(path: Path, name: str) -> Iterator[Block]:
    """Opens at once, reads as it is asked: row groups are never held whole.

    `InputError` for what is no Parquet file, `PayloadError` with the row of what JSON cannot hold.
    """
    pa, pq = load_pyarrow()
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise _error(name, error) from error
    check_header(file.schema_arrow.names, name)
    return _rows(pa, file, name)


def _rows(pa: Any, file: Any, name: str) -> Iterator[Block]:
    size = sum(file.metadata.row_group(group).total_byte_size for group in range(file.metadata.num_row_groups))
    count = max(1, min(BLOCK_ITEMS, _BATCH_BYTES * file.metadata.num_rows // max(size, 1)))
    index = 0
    try:
        for batch in file.iter_batches(batch_size=count):
            rows = _in_microseconds(pa, batch).to_pylist()
            yield Block(_encoded(rows, index, name), None, range(index + 1, index + 1 + len(rows)))
            index += len(rows)
    except (OSError, pa.ArrowException) as error:
        raise _error(place(name, index + 1), error) from error
    finally:
        file.close()


def _encoded(rows: list[Any], index: int, name: str) -> list[bytes]:
    try:
        return encode_many(rows, index)
    except PayloadError as error:
        error.where = place(name, (error.index or 0) + 1)
        raise


def _in_microseconds(pa: Any, batch: Any) -> Any:
    # Python's times end at microseconds. The cast is checked: it fails rather than drop what is finer.
    fields = [pa.field(field.name, _coarser(pa, field.type)) for field in batch.schema]
    return pa.Table.from_batches([batch]).cast(pa.schema(fields))


def _coarser(pa: Any, kind: Any) -> Any:
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if pa.types.is_time64(kind) and kind.unit == "ns":
        return pa.time64("us")
    if pa.types.is_duration(kind) and kind.unit == "ns":
        return pa.duration("us")
    return kind


def _error(where: str, error: Exception) -> InputError:
    return InputError(f"unreadable Parquet: {str(error).splitlines()[0]}", where=where)
