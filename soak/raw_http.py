"""HTTP as it lies on the wire: any bytes go out, what comes back is read in pieces, and the connection may be cut at
any byte of either."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

__all__ = ["Broken", "Head", "Wire", "address_of", "request"]

_PIECE: Final = 65_536


class Broken(ConnectionError):
    """The answer ended before its end, or is no HTTP."""


class Head(NamedTuple):
    status: int
    headers: Mapping[str, str]
    """By name in lower case; of one that comes twice, the values with a comma between."""


def address_of(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def request(method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """A whole request. `content-length` is added where there is a body."""
    lines = [f"{method} {target} HTTP/1.1", "host: stook"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Wire:
    """One connection, one answer at a time. Reading raises `Broken` where the other side does not go on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._head: Head | None = None

    @classmethod
    async def open(cls, url: str) -> Self:
        return cls(*await asyncio.open_connection(*address_of(url), limit=2**20))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    async def send(self, data: bytes) -> None:
        """What the other side does not take because it has answered already is not an error: the answer tells."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    def end(self) -> None:
        """Nothing more will be sent; the answer can still be read."""
        with contextlib.suppress(OSError):
            self._writer.write_eof()

    def cut(self) -> None:
        """At once, whatever is under way."""
        self._writer.transport.abort()

    async def head(self) -> Head:
        """Of the next answer that is one: 1xx are passed over."""
        while True:
            try:
                text = await self._reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError) as error:
                raise Broken(f"no head: {error}") from None
            first, *lines = text.decode("latin-1").split("\r\n")
            words = first.split(" ", 2)
            if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
                raise Broken(f"no status line: {first!r}")
            status = int(words[1])
            headers: dict[str, str] = {}
            for line in filter(None, lines):
                name, _, value = line.partition(":")
                name = name.strip().lower()
                headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
            if status >= 200:
                self._head = Head(status, headers)
                return self._head

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        assert self._head is not None
        headers = self._head.headers
        try:
            if "chunked" in headers.get("transfer-encoding", ""):
                async for piece in self._chunks():
                    yield piece
            elif self._head.status in (204, 304):
                return
            elif "content-length" in headers:
                left = int(headers["content-length"])
                while left:
                    data = await self._reader.read(min(left, _PIECE))
                    if not data:
                        raise Broken(f"{left} bytes are missing at the end of the body")
                    left -= len(data)
                    yield data
            else:
                while data := await self._reader.read(_PIECE):
                    yield data
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            raise Broken(f"the body broke off: {error}") from None

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            size = int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16)
            left = size
            while left:
                data = await self._reader.read(min(left, _PIECE))
                if not data:
                    raise Broken("the connection ended in the middle of a chunk")
                left -= len(data)
                yield data
            await self._reader.readexactly(2)
            if not size:
                return

    async def body(self, most: int = 2**30) -> bytes:
        found: list[bytes] = []
        size = 0
        async for piece in self.pieces():
            found.append(piece)
            size += len(piece)
            if size > most:
                break
        return b"".join(found)
