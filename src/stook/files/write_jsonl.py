"""JSON Lines: one object a row, `input` and `result` in it byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.payload import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.files.result_row import ResultRow
    from stook.files.target import Target

__all__ = ["JsonlRows"]

_encoder: Final = msgspec.json.Encoder()
_NEWLINES: Final = bytes.maketrans(b"\r\n", b"  ")


class _Line(msgspec.Struct, gc=False):
    index: int
    key: str | None
    id: str
    state: str
    input: msgspec.Raw | None
    result: msgspec.Raw | None
    error: dict[str, Any] | None
    attempts: int
    duration: float | None


class JsonlRows:
    def __init__(self, target: Target) -> None:
        self._target = target

    def write(self, rows: Sequence[ResultRow]) -> None:
        lines = list(map(_line, rows))
        try:
            data = _encoder.encode_lines(lines)
        except UnicodeEncodeError:  # a lone surrogate in a key or an error
            data = b"\n".join([*(_exactly(line) for line in lines), b""])
        self._target.write(data)

    def finish(self) -> None:
        pass

    def drop(self) -> None:
        pass


def _line(row: ResultRow) -> _Line:
    return _Line(
        row.index,
        row.key,
        row.id,
        row.state,
        _raw(row.input),
        _raw(row.result),
        row.error,
        row.attempts,
        row.duration,
    )


def _raw(value: bytes | None) -> msgspec.Raw | None:
    if value is None:
        return None
    # A line break in JSON is whitespace, here it would be the end of the row.
    if value.find(b"\n") >= 0 or value.find(b"\r") >= 0:
        value = value.translate(_NEWLINES)
    return msgspec.Raw(value)


def _exactly(line: _Line) -> bytes:
    return encode({name: getattr(line, name) for name in line.__struct_fields__})
