"""Results written out, joined with their inputs, in one of three formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, assert_never

from stook.files.formats import output_format
from stook.files.target import STDOUT, Target, open_target
from stook.files.write_csv import CsvRows
from stook.files.write_jsonl import JsonlRows
from stook.files.write_parquet import ParquetRows

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from types import TracebackType

    from stook.files.formats import OutputFormat
    from stook.files.result_row import ResultRow

__all__ = ["ResultWriter", "open_results"]


class _Rows(Protocol):
    """Rows in one format, on their way into a target. Memory stays flat."""

    def write(self, rows: Sequence[ResultRow]) -> None: ...

    def finish(self) -> None:
        """What is still held back, and the format's end."""
        ...

    def drop(self) -> None:
        """Frees what `finish` would have freed; twice is fine."""
        ...


def open_results(
    path: str | os.PathLike[str],
    format: OutputFormat | None = None,  # noqa: A002 -- the option's name everywhere
) -> ResultWriter:
    """A writer for a file, or standard output for "-" (JSONL unless told otherwise).

    The file appears, or takes the place of an older one, only when the writer is closed. `OptionError` if the name does
    not tell the format, `MissingExtra`, `StoreError` if the place cannot be written to: all before anything is written.
    """
    kind = format or ("jsonl" if str(path) == STDOUT else output_format(str(path)))
    target = open_target(path)
    try:
        return ResultWriter(target, _rows(kind, target))
    except BaseException:
        target.abort()
        raise


class ResultWriter:
    """Takes rows in any order and any number at a time. Used as a context manager, an exception aborts it.

    A `StoreError` (disk full, read-only) has removed what was written; a reader that closed the pipe shows as
    `BrokenPipeError`.
    """

    def __init__(self, target: Target, rows: _Rows) -> None:
        self._target = target
        self._rows = rows
        self._ended = False

    def write(self, rows: Sequence[ResultRow]) -> None:
        if self._ended:
            raise ValueError("the writer is closed")
        try:
            self._rows.write(rows)
        except BaseException:
            self.abort()
            raise

    def close(self) -> None:
        """Nothing after the first time, and nothing after an abort."""
        if self._ended:
            return
        try:
            self._rows.finish()
            self._target.commit()
        except BaseException:
            self.abort()
            raise
        self._ended = True

    def abort(self) -> None:
        """Leaves nothing behind; what went to a stream has gone. After `close` it does nothing."""
        self._ended = True
        self._target.abort()
        self._rows.drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()


def _rows(kind: OutputFormat, target: Target) -> _Rows:
    match kind:
        case "jsonl":
            return JsonlRows(target)
        case "csv":
            return CsvRows(target)
        case "parquet":
            return ParquetRows(target)
        case _:
            assert_never(kind)
