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
from stook.files.byte_stream import ByteStream, whole_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["check_header", "read_csv"]

_FIRST_ROWS = 16


def read_csv(stream: ByteStream, limit: int, delimiter: str = ",") -> Iterator[Block]:
    """Reads the header at once, rows as they are asked for.

    `InputError` with the line of a bad header, a row with too many or too few cells, a quote without end.
    """
    csv.field_size_limit(max(csv.field_size_limit(), limit))
    lines = _text_lines(stream, limit)
    first = next(lines, "")
    if delimiter == "," and "," not in first and ";" in first:
        delimiter = ";"
    table = _Table(stream.name, csv.reader(chain([first], lines), delimiter=delimiter, strict=True))
    return _blocks(table, table.header())


def _blocks(table: _Table, header: list[str]) -> Iterator[Block]:
    count = _FIRST_ROWS
    while rows := table.rows(count, len(header)):
        payloads = encode_many([dict(zip(header, row, strict=True)) for _, row in rows])
        yield Block(payloads, None, [line for line, _ in rows])
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
    def __init__(self, name: str, reader: Iterator[list[str]]) -> None:
        self._name = name
        self._reader = reader
        self._line = 1  # of the row that comes next

    def header(self) -> list[str]:
        while rows := self._take(1):
            line, names = rows[0]
            if names:
                check_header(names, place(self._name, line))
                return names
        raise InputError("empty: the first row must name the columns", where=self._name)

    def rows(self, count: int, width: int) -> list[tuple[int, list[str]]]:
        """Up to `count` rows with their lines; none at the end."""
        while taken := self._take(count):
            rows = [pair for pair in taken if pair[1]]
            for line, row in rows:
                if len(row) != width:
                    raise InputError(
                        f"{len(row)} cells, but the header names {width} columns",
                        where=place(self._name, line),
                        hint="put quotes around cells that contain the separator or a line break",
                    )
            if rows:
                return rows
        return []

    def _take(self, count: int) -> list[tuple[int, list[str]]]:
        rows: list[list[str]] = []
        try:
            for row in islice(self._reader, count):
                rows.append(row)  # noqa: PERF402 -- the rows before an error tell its line
        except csv.Error as error:
            raise self._error(rows, str(error)) from None
        starts = self._starts(rows)
        self._line = starts[-1]
        return list(zip(starts, rows, strict=False))

    def _starts(self, rows: list[list[str]]) -> list[int]:
        heights = (1 + sum([cell.count("\n") for cell in row]) for row in rows)
        return list(accumulate(heights, initial=self._line))

    def _error(self, rows: list[list[str]], text: str) -> InputError:
        where = place(self._name, self._starts(rows)[-1])
        if text.startswith("unexpected end"):
            return InputError("a quote is opened here and never closed", where=where, hint='write a quote as ""')
        if text.startswith("new-line"):
            return InputError("a line ends in a lone carriage return", where=where, hint="save with Unix line ends")
        return InputError(f"malformed row: {text}", where=where)


def _text_lines(stream: ByteStream, limit: int) -> Iterator[str]:
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
