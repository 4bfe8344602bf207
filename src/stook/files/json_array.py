"""One JSON array as a stream of its elements, each kept byte for byte, however large the whole is."""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Final

from stook.core.errors import InputError, PayloadError, PayloadTooLarge
from stook.core.payload import Invalid, check_many
from stook.core.payload_read import reason_of
from stook.core.payload_text import MAX_DEPTH
from stook.files.block import BLOCK_BYTES, BLOCK_ITEMS, Block, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stook.files.byte_stream import ByteStream

__all__ = ["read_json_array"]

_SPACE: Final = re.compile(r"[ \t\r\n]*")
# Finds where an element ends; what is in it is checked in bulk afterwards.
_element: Final = json.JSONDecoder(parse_int=len, parse_float=len)
_CUT: Final = 16
"""Characters. A parser that met the end of the text so far stops no farther from it than this, but in a string."""


def read_json_array(stream: ByteStream, limit: int) -> Iterator[Block]:
    """`InputError` at once if it is no array; `PayloadError` with the line of the first element that is no payload."""
    text = _Text(stream, limit)
    text.expect_array()
    return _blocks(text, stream.name)


def _blocks(text: _Text, name: str) -> Iterator[Block]:
    index = 0
    payloads: list[bytes] = []
    lines: list[int] = []
    size = 0
    for line, element in text.elements():
        payloads.append(element)
        lines.append(line)
        size += len(element)
        if len(payloads) == BLOCK_ITEMS or size >= BLOCK_BYTES:
            yield _checked(name, index, payloads, lines)
            index += len(payloads)
            payloads, lines, size = [], [], 0
    if payloads:
        yield _checked(name, index, payloads, lines)


def _checked(name: str, index: int, payloads: list[bytes], lines: list[int]) -> Block:
    items = check_many(payloads)
    if not isinstance(items, Invalid):
        return Block(items, None, lines)
    column, reason, hint = items.flaw
    before = payloads[items.position].decode(errors="replace")[: column - 1]
    where = place(name, lines[items.position] + before.count("\n"))
    raise PayloadError(f"invalid JSON: {reason}", index=index + items.position, where=where, hint=hint)


class _Text:
    """The part of the file at hand: `_text` from `_at` on is unread, `_line` is the line of `_at`."""

    def __init__(self, stream: ByteStream, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text, self._at, self._line, self._ended = "", 0, 1, False

    def expect_array(self) -> None:
        opening = self._next_character()
        if opening != "[":
            found = "nothing" if not opening else f"{opening!r}"
            hint = "for one JSON value a line use the format jsonl"
            raise self._error(f"expected a JSON array, found {found}", hint)
        self._at += 1

    def elements(self) -> Iterator[tuple[int, bytes]]:
        """(line, exact bytes) of each element."""
        if self._next_character() == "]":
            self._at += 1
        else:
            while True:
                self._next_character()
                line, end = self._line, self._end_of_element()
                yield line, self._text[self._at : end].encode()
                self._move(end)
                separator = self._next_character()
                self._at += 1
                if separator == "]":
                    break
                if separator != ",":
                    raise self._error(
                        f"expected ',' or ']', found {separator!r}" if separator else "the array has no end"
                    )
        if self._next_character():
            raise self._error("text after the end of the array")

    def _next_character(self) -> str:
        """The character after any whitespace, "" at the end of the file. It is not consumed."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._move(found.end() if found else self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_more():
                return ""

    def _move(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _end_of_element(self) -> int:
        while True:
            try:
                _, end = _element.raw_decode(self._text, self._at)
            except RecursionError:
                raise self._error(f"nested deeper than {MAX_DEPTH} levels") from None
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - _CUT
                if not cut or not self._read_more():
                    self._move(error.pos)
                    raise self._error(f"invalid JSON: {reason_of(error)}") from None
            else:
                # A number at the end of the text at hand may go on: "1" may be all there is yet of "1.5" or "1e+5".
                if end <= len(self._text) - _CUT or not self._read_more():
                    return end

    def _read_more(self) -> bool:
        """False at the end of the file. Drops what has been read; `_at` is 0 afterwards."""
        if self._ended:
            return False
        unread = self._text[self._at :]
        if len(unread) > self._limit:
            raise PayloadTooLarge(len(unread), self._limit, where=place(self._stream.name, self._line))
        data = self._stream.read(max(BLOCK_BYTES, len(unread)))
        self._ended = not data
        try:
            self._text, self._at = unread + self._decoder.decode(data, final=self._ended), 0
        except UnicodeDecodeError as error:
            self._line += unread.count("\n") + data[: error.start].count(b"\n")
            raise self._error(
                f"byte 0x{error.object[error.start]:02x} is not UTF-8", "save the file as UTF-8"
            ) from None
        return True

    def _error(self, message: str, hint: str | None = None) -> InputError:
        return InputError(message, where=place(self._stream.name, self._line), hint=hint)
