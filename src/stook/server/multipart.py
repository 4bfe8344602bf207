"""`multipart/form-data`, taken in as it arrives: files lie on disk, fields in memory, and both have limits.

body ──▶ boundary ──▶ head of a part ──▶ its content ──▶ boundary ──▶ … ──▶ last boundary
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from stook.server.call import unsupported
from stook.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stook.server.body import Body

__all__ = ["Part", "parts_of"]

MEDIA_TYPE: Final = "multipart/form-data"
FIELD_BYTES: Final = 1024 * 1024
_HEAD_BYTES: Final = 16 * 1024
_MOST_PARTS: Final = 10_000
_WRITTEN: Final = 1024 * 1024
"""Bytes of a file that are written at once."""
_PARAMETER: Final = re.compile(r';\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{1,200}")
_ESCAPED: Final = {"%22": '"', "%0D": "\r", "%0A": "\n", '\\"': '"', "\\\\": "\\"}
_ESCAPE: Final = re.compile("|".join(map(re.escape, _ESCAPED)))


class Part(NamedTuple):
    """A file has a `path`, a field its `content`. `media_type` is in small letters, empty where none was given."""

    name: str
    filename: str | None
    media_type: str
    content: bytes = b""
    path: Path | None = None

    def text(self) -> str:
        """400 where the content of a field is not UTF-8."""
        try:
            return self.content.decode()
        except UnicodeDecodeError:
            raise _malformed(f"{self.name} is not UTF-8", self.name) from None


@contextlib.asynccontextmanager
async def parts_of(
    body: Body, content_type: str, *, limit: int, field_bytes: int = FIELD_BYTES
) -> AsyncIterator[list[Part]]:
    """All parts, in their order. Parts with a filename are files, which are there as long as the context is open. 413
    beyond `limit` bytes in all, 400 for a field of more than `field_bytes`."""
    with tempfile.TemporaryDirectory(prefix="stook-form-", ignore_cleanup_errors=True) as folder:
        form = _Form(body, boundary_of(content_type), limit, field_bytes, Path(folder))
        yield [part async for part in form.parts()]


def boundary_of(content_type: str) -> bytes:
    """415 for another media type, 400 where none is given."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise unsupported(media_type, MEDIA_TYPE)
    found = _parameters(content_type).get("boundary", "")
    if not _BOUNDARY.fullmatch(found):
        raise _malformed("its Content-Type names no boundary")
    return found.encode()


class _Form:
    def __init__(self, body: Body, boundary: bytes, limit: int, field_bytes: int, folder: Path) -> None:
        self._body = body
        self._limit = limit
        self._field_bytes = field_bytes
        self._folder = folder
        self._mark = b"\r\n--" + boundary
        self._rest = bytearray(b"\r\n")  # the first boundary has no line before it

    async def parts(self) -> AsyncIterator[Part]:
        count = 0
        async for _ in self._until_mark():
            pass  # what stands before the first boundary means nothing
        while await self._goes_on():
            count += 1
            if count > _MOST_PARTS:
                raise _malformed(f"it has more than {_MOST_PARTS} parts")
            yield await self._part(count)
        await self._body.drain()

    async def _goes_on(self) -> bool:
        """Behind a boundary: another part, or the end."""
        while b"\r\n" not in self._rest:
            if self._rest.startswith(b"--"):
                return False
            if len(self._rest) > _HEAD_BYTES:
                raise _malformed("a boundary is not followed by a line break")
            await self._more()
        if self._rest.startswith(b"--"):
            return False
        end = self._rest.index(b"\r\n")
        if self._rest[:end].strip(b" \t"):
            raise _malformed("a boundary is not followed by a line break")
        del self._rest[:end]  # the line break stays, before the head
        return True

    async def _part(self, count: int) -> Part:
        head = await self._head()
        disposition = head.get("content-disposition", "")
        parameters = _parameters(disposition)
        name = parameters.get("name")
        if disposition.partition(";")[0].strip().lower() != "form-data" or name is None:
            raise _malformed("a part has no name: its Content-Disposition is not form-data with a name")
        media_type = head.get("content-type", "").partition(";")[0].strip().lower()
        filename = parameters.get("filename")
        if filename is not None:
            return Part(name, filename, media_type, path=await self._file(self._folder / str(count)))
        content = bytearray()
        async for piece in self._until_mark():
            content += piece
            if len(content) > self._field_bytes:
                raise _malformed(f"{name} has more than {self._field_bytes} bytes", name)
        return Part(name, None, media_type, bytes(content))

    async def _head(self) -> dict[str, str]:
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            if len(self._rest) > _HEAD_BYTES:
                raise _malformed(f"the head of a part has more than {_HEAD_BYTES} bytes")
            await self._more()
        lines = bytes(self._rest[:end]).decode(errors="replace").split("\r\n")
        del self._rest[: end + 4]
        found: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if colon:
                found[name.strip().lower()] = value.strip()
        return found

    async def _file(self, path: Path) -> Path:
        with path.open("xb") as file:
            kept = bytearray()
            async for piece in self._until_mark():
                kept += piece
                if len(kept) >= _WRITTEN:
                    await asyncio.to_thread(_write, file, kept)
            await asyncio.to_thread(_write, file, kept)
        return path

    async def _until_mark(self) -> AsyncIterator[bytes]:
        """The content up to the next boundary, which is taken too."""
        mark = self._mark
        while (at := self._rest.find(mark)) < 0:
            sure = len(self._rest) - len(mark) + 1
            if sure > 0:
                yield bytes(self._rest[:sure])
                del self._rest[:sure]
            await self._more()
        yield bytes(self._rest[:at])
        del self._rest[: at + len(mark)]

    async def _more(self) -> None:
        data = await self._body.piece()
        if not data:
            raise _malformed("it ends before its last boundary")
        if self._body.received > self._limit:
            raise Refusal(413, "body_too_large", f"the body has more than {self._limit} bytes", hint="send less")
        self._rest += data


def _write(file: BinaryIO, kept: bytearray) -> None:
    file.write(kept)
    kept.clear()


def _parameters(header: str) -> dict[str, str]:
    """Those of a header's value, by name."""
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(header):
        found[name.lower()] = _ESCAPE.sub(lambda one: _ESCAPED[one[0]], quoted) if quoted else plain
    return found


def _malformed(what: str, field: str | None = None) -> Refusal:
    return Refusal(400, "option_error", f"the form: {what}", hint="send multipart/form-data", field=field)
