"""CSV and TSV: each row one JSON object, its values the strings as they stand, named by the header.

    id,name            {"id":"1","name":"Ann"}
    1,Ann        →     {"id":"2","name":""}
    2,

Nothing is guessed: no value becomes a number, an empty cell is an empty string. Blank lines are passed over. Where the
header has no comma but semicolons, as spreadsheets in much of Europe write it, the semicolon separates.
"""

from __future__ import annotations

import csv
import io
from itertools import accumulate, chain, islice
from typing import TYPE_CHECKING

from stook.core.errors import InputError
from stook.core.payload import encode_many
from stook.files.block import Block, fitting, place
from stook.files.byte_stream import whole_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stook.files.byte_stream import Source

__all__ = ["check_header", "read_csv"]

_FIRST_ROWS = 16
_BLANK = ("\n", "\r\n")


def read_csv(stream: Source, limit: int, delimiter: str = ",") -> Iterator[Block]:
    """Reads the header at once, rows as they are asked for.

    `InputError` with the line of a bad header, a row with too many or too few cells, a quote without end.
    """
    csv.field_size_limit(max(csv.field_size_limit(), limit))
    lines = _text_lines(stream, limit)
    first, blank = next(lines, ""), 0
    while first in _BLANK:
        first, blank = next(lines, ""), blank + 1
    if delimiter == "," and "," not in first and ";" in first:
        delimiter = ";"
    table = _Table(stream.name, chain([first], lines), delimiter, blank)
    return _blocks(table, table.header())


def _blocks(table: _Table, header: list[str]) -> Iterator[Block]:
    count = _FIRST_ROWS
    while True:
        rows, lines = table.rows(count, len(header))
        if not rows:
            return
        payloads = encode_many([dict(zip(header, row, strict=True)) for row in rows])
        yield Block(payloads, None, lines)
        count = fitting(len(payloads), sum(map(len, payloads)))


def check_header(names: Sequence[str], where: str) -> None:
    seen: set[str] = set()
    for column, name in enumerate(names, 1):
        if not name.strip():
            raise InputError(f"column {column} has no name", where=where, hint="the first row names the columns")
        if name in seen:
            raise InputError(f"two columns are called {name!r}", where=where, hint="rename one of them")
        seen.add(name)


class _Table:
    def __init__(self, name: str, lines: Iterator[str], delimiter: str, before: int) -> None:
        """`before` these lines there were so many others."""
        self._name = name
        self._reader = csv.reader(lines, delimiter=delimiter, strict=True)
        self._before = before
        self._line = before + 1  # of the row that comes next

    def header(self) -> list[str]:
        rows, lines = self._take(1)
        if not rows:
            raise InputError("empty: the first row must name the columns", where=self._name)
        check_header(rows[0], place(self._name, lines[0]))
        return rows[0]

    def rows(self, count: int, width: int) -> tuple[list[list[str]], Sequence[int]]:
        """Up to `count` rows with their lines; none at the end."""
        rows, lines = self._take(count)
        if set(map(len, rows)) - {width}:
            wrong = next(number for number, row in enumerate(rows) if len(row) != width)
            raise InputError(
                f"{len(rows[wrong])} cells, but the header names {width} columns",
                where=place(self._name, lines[wrong]),
                hint="put quotes around cells that contain the separator or a line break",
            )
        return rows, lines

    def _take(self, count: int) -> tuple[list[list[str]], Sequence[int]]:
        while True:
            rows: list[list[str]] = []
            try:
                for row in islice(self._reader, count):
                    rows.append(row)  # noqa: PERF402 -- the rows before an error tell its line
            except csv.Error as error:
                raise self._error(rows, str(error)) from None
            lines = self._starts(rows)
            self._line = self._before + self._reader.line_num + 1
            if all(rows):
                return rows, lines
            lines = [line for line, row in zip(lines, rows, strict=True) if row]
            if lines:
                return list(filter(None, rows)), lines

    def _starts(self, rows: list[list[str]]) -> Sequence[int]:
        if self._before + self._reader.line_num + 1 == self._line + len(rows):
            return range(self._line, self._line + len(rows))
        heights = [1 + sum([cell.count("\n") for cell in row]) for row in rows]
        return list(accumulate(heights[:-1], initial=self._line))

    def _error(self, rows: list[list[str]], text: str) -> InputError:
        read = sum(1 + sum([cell.count("\n") for cell in row]) for row in rows)
        where = place(self._name, self._line + read)
        if text.startswith("unexpected end"):
            return InputError("a quote is opened here and never closed", where=where, hint='write a quote as ""')
        if text.startswith("new-line"):
            return InputError("a line ends in a lone carriage return", where=where, hint="save with Unix line ends")
        return InputError(f"malformed row: {text}", where=where)


def _text_lines(stream: Source, limit: int) -> Iterator[str]:
    line = 1
    for piece in whole_lines(stream, limit):
        try:
            text = piece.decode()
        except UnicodeDecodeError as error:
            raise InputError(
                f"byte 0x{piece[error.start]:02x} is not UTF-8",
                where=place(stream.name, line + piece[: error.start].count(b"\n")),
                hint="save the file as UTF-8",
            ) from None
        yield from io.StringIO(text + "\n", newline="\n")
        line += piece.count(b"\n") + 1
