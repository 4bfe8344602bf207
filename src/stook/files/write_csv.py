"""CSV: a column per field of inputs and results.

    index, key, id, state, attempts, duration, error_type, error_message, input.<field> …, result.<field> …

The columns are those of the rows that come: an input or result that is no object goes whole into `input` or `result`.
Strings stand as they are, null is an empty cell, everything else is JSON, nested values too. Fields beyond the
thousandth column go together as one JSON object into `more`. The header comes first but is known last, so rows wait in
a temporary file beside the target.
"""

from __future__ import annotations

import csv
import io
import sys
import tempfile
from contextlib import suppress
from itertools import islice, repeat
from typing import IO, TYPE_CHECKING, Final

import msgspec

from stook.core.payload import decode, encode
from stook.files.disk import writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.files.result_row import ResultRow
    from stook.files.target import Target

__all__ = ["MAX_COLUMNS", "CsvRows"]

_FIXED: Final = ("index", "key", "id", "state", "attempts", "duration", "error_type", "error_message")
_PIECE: Final = 1024 * 1024
_ROWS: Final = 1_000
MAX_COLUMNS: Final = 1_000
_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class CsvRows:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._columns = {name: place for place, name in enumerate(_FIXED)}
        self._widths: set[int] = set()
        with writing(target.path):
            self._body: IO[bytes] = tempfile.TemporaryFile(dir=target.folder)  # noqa: SIM115 -- `drop` closes it

    def write(self, rows: Sequence[ResultRow]) -> None:
        inputs = map(_fields, repeat("input"), [row.input for row in rows])
        results = map(_fields, repeat("result"), [row.result for row in rows])
        with writing(self._target.path):
            self._body.write(_csv(map(self._cells, rows, inputs, results)))

    def _cells(self, row: ResultRow, *sides: dict[str, bytes]) -> list[object]:
        error = row.error or {}
        cells: list[object] = [row.index, row.key, row.id, row.state, row.attempts, row.duration]
        cells += [error.get("type"), error.get("message")]
        columns = self._columns
        cells += [None] * (len(columns) - len(cells))
        more: dict[str, msgspec.Raw] = {}
        for side in sides:
            for name, value in side.items():
                place = columns.get(name)
                if place is not None:
                    cells[place] = _text(value)
                elif len(columns) < MAX_COLUMNS:
                    columns[name] = len(columns)
                    cells.append(_text(value))
                else:
                    more[name] = msgspec.Raw(value)
        if more:
            place = columns.setdefault("more", len(columns))
            cells[place:] = [encode(more).decode()]
        self._widths.add(len(cells))
        return cells

    def finish(self) -> None:
        self._target.write(_csv([list(self._columns)]))
        with writing(self._target.path):
            self._body.seek(0)
            if self._widths <= {len(self._columns)}:
                while piece := self._body.read(_PIECE):
                    self._target.write(piece)
            else:
                self._widen()
        self.drop()

    def _widen(self) -> None:
        csv.field_size_limit(sys.maxsize)  # these are our own rows
        text = io.TextIOWrapper(self._body, "utf-8", newline="")
        rows = csv.reader(text)
        width = len(self._columns)
        while taken := list(islice(rows, _ROWS)):
            self._target.write(_csv([row + [""] * (width - len(row)) for row in taken]))
        text.detach()

    def drop(self) -> None:
        with suppress(OSError):  # closing writes what is held back, and the disk may be full
            self._body.close()


class _Pieces(list[str]):
    write = list.append


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    # The writer quotes a cell for a carriage return in it only if its own rows end in one; it writes a row at a time.
    pieces = _Pieces()
    csv.writer(pieces, lineterminator="\r\n").writerows(rows)
    return "".join([piece[:-2] + "\n" for piece in pieces]).encode(errors="backslashreplace")


def _fields(side: str, raw: bytes | None) -> dict[str, bytes]:
    if raw is None:
        return {}
    if not raw.startswith(b"{"):
        return {side: raw}
    try:
        return {f"{side}.{name}": bytes(value) for name, value in _object.decode(raw).items()}
    except (msgspec.DecodeError, UnicodeDecodeError):  # lone surrogates
        return {f"{side}.{name}": encode(value) for name, value in decode(raw).items()}


def _text(raw: bytes) -> str:
    if raw == b"null":
        return ""
    if not raw.startswith(b'"'):
        return raw.decode()
    return str(decode(raw)) if raw.find(b"\\") >= 0 else raw[1:-1].decode()
