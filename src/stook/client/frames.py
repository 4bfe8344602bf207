"""The rows of a pandas or polars DataFrame, told by what it can do: neither library is needed here."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["rows_of"]

_SLICE: Final = 1000
"""Rows taken out of a frame at a time."""


def rows_of(items: object) -> Iterator[dict[str, Any]] | None:
    """A dict for each row, by names of columns; None for what is no frame. Missing values (NaN, NaT, NA) are null; an
    index is left out."""
    if hasattr(items, "iter_rows") and hasattr(items, "columns"):
        return _polars(items)
    if hasattr(items, "iloc") and hasattr(items, "columns"):
        return _pandas(items)
    return None


def _polars(frame: Any) -> Iterator[dict[str, Any]]:
    for row in frame.iter_rows(named=True, buffer_size=_SLICE):
        for name, value in row.items():
            if type(value) is float and math.isnan(value):
                row[name] = None
        yield row


def _pandas(frame: Any) -> Iterator[dict[str, Any]]:
    names = [str(name) for name in frame.columns]
    for start in range(0, len(frame), _SLICE):
        part = frame.iloc[start : start + _SLICE]
        columns = [_values(part.iloc[:, at]) for at in range(len(names))]
        for row in zip(*columns, strict=True):
            yield dict(zip(names, row, strict=True))


def _values(column: Any) -> list[Any]:
    values = column.tolist()  # Python's own numbers in place of numpy's
    return [None if missing else _plain(value) for value, missing in zip(values, column.isna().tolist(), strict=True)]


def _plain(value: Any) -> Any:
    """Timestamps and durations are subclasses of Python's, which the encoder would not know."""
    if hasattr(value, "to_pydatetime"):
        return value.isoformat()
    if hasattr(value, "to_pytimedelta"):
        return value.to_pytimedelta()
    return value
