"""The bytes of an input file: unzipped, without byte order mark, every failure to read an `InputError`."""

from __future__ import annotations

import gzip
import zlib
from typing import IO, TYPE_CHECKING, Final, Protocol, cast

from stook.core.errors import InputError, PayloadTooLarge
from stook.files.block import BLOCK_BYTES, place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ByteStream", "Source", "open_error", "text_start", "whole_lines"]

_GZIP: Final = b"\x1f\x8b"
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class Source(Protocol):
    """`name` stands for it in errors."""

    name: str

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end."""
        ...


class ByteStream:
    """Opens at once: a missing file is an error here, not at the first read. `name` stands for the file in errors."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._started = False
        try:
            self._file = path.open("rb")
            # By content, not by name: standard input has none, and no text begins like this.
            zipped = self._file.peek(len(_GZIP)).startswith(_GZIP)
        except OSError as error:
            raise open_error(name, error) from error
        self._bytes = cast("IO[bytes]", gzip.GzipFile(fileobj=self._file) if zipped else self._file)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end."""
        try:
            data = self._bytes.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"damaged gzip file: {error}", where=self.name, hint="compress it again") from error
        except OSError as error:
            raise open_error(self.name, error) from error
        if self._started:
            return data
        self._started = True
        return text_start(data, self.name)

    def close(self) -> None:
        self._file.close()


def text_start(data: bytes, name: str) -> bytes:
    """The first bytes of a text without byte order mark."""
    if data.startswith(_UTF16_MARKS):
        raise InputError("the text is UTF-16", where=name, hint="save it as UTF-8")
    return data.removeprefix(_UTF8_MARK)


def open_error(name: str, error: OSError) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError("no such file", where=name, hint="check the path")
    return InputError(f"cannot be read: {error.strerror or error}", where=name)


def whole_lines(stream: Source, limit: int, blank: bytes = b"\r\n") -> Iterator[bytes]:
    """Pieces of about 64 KiB that begin and end with a line, without the last newline.

    `PayloadTooLarge` for a line longer than `limit`, before it is all in memory; `InputError` for so many bytes in
    a row of lines that consist of `blank`: a little that was compressed could hold hours of them.
    """
    line, rest, empty = 1, b"", 0
    # Asking for as much as is at hand keeps the copying of a long line linear in its length.
    while data := stream.read(max(BLOCK_BYTES, len(rest))):
        rest += data
        end = rest.rfind(b"\n")
        if end >= 0:
            piece, rest = rest[:end], rest[end + 1 :]
            empty = 0 if piece.strip(blank) else empty + len(piece) + 1
            if empty > limit:
                where = place(stream.name, line)
                raise InputError(f"more than {limit} bytes of blank lines", where=where, hint="take them out")
            yield piece
            line += piece.count(b"\n") + 1
        if len(rest) > limit:
            raise PayloadTooLarge(len(rest), limit, where=place(stream.name, line))
    if rest:
        yield rest
