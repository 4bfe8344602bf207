"""Streamed bodies: a thread reads items out of them at the pace at which they are taken in.

    socket ── Body.piece ──▶ BodyReader.read (thread) ──▶ unzip ──▶ decoder ──▶ blocks ──▶ engine

Nobody reads ahead: the thread asks the loop for bytes only when the decoder needs them.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import zlib
from concurrent.futures import CancelledError as Cancelled
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from stook.core.errors import InputError
from stook.server.body import SenderGone
from stook.server.refusal import Refusal, no_room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from stook.engine.options import Block
    from stook.server.body import Body
    from stook.server.ports import Readable

__all__ = ["Uploads"]

T = TypeVar("T")
_PIECE: Final = 64 * 1024
_WINDOW: Final = 8 * 1024 * 1024
"""What a zstd stream may ask us to keep."""


class BodyReader:
    """A body for a thread."""

    name = "body"

    def __init__(self, body: Body) -> None:
        self._body = body
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self.closed = False
        self._pulling: asyncio.Task[bytes] | None = None

    def read(self, size: int = -1) -> bytes:
        """At least a byte unless it is the end, mostly `size`."""
        if not self._rest:
            try:
                self._rest = asyncio.run_coroutine_threadsafe(self._pull(), self._loop).result()
            except (Cancelled, asyncio.CancelledError):
                raise SenderGone("the request was cancelled") from None
        if size < 0 or len(self._rest) <= size:
            data, self._rest = self._rest, b""
        else:
            data, self._rest = self._rest[:size], self._rest[size:]
        return data

    async def _pull(self) -> bytes:
        if self.closed:
            raise SenderGone("the request was cancelled")
        self._pulling = asyncio.current_task()
        pieces: list[bytes] = []
        size = 0
        while size < _PIECE and (data := await self._body.piece()):
            pieces.append(data)
            size += len(data)
        return b"".join(pieces)

    def close(self) -> None:
        """A thread that waits for bytes waits no longer."""
        self.closed = True
        if self._pulling is not None:
            self._pulling.cancel()


class _Unzipped:
    def __init__(self, reader: BodyReader, stream: Any, broken: tuple[type[Exception], ...]) -> None:
        self.name = reader.name
        self._reader = reader
        self._stream = stream
        self._broken = broken

    def read(self, size: int) -> bytes:
        """A little can hold a lot: whoever decodes it stops when the request has ended, not when it is through."""
        if self._reader.closed:
            raise SenderGone("the request was cancelled")
        try:
            data: bytes = self._stream.read(size)
        except self._broken as error:
            raise InputError(f"damaged content encoding: {error}", hint="compress it again") from None
        return data


def unzipped(reader: BodyReader, encoding: str) -> Readable:
    """415 for an encoding we do not know. Memory stays flat, however much comes out."""
    match encoding.strip().lower():
        case "" | "identity":
            return reader
        case "gzip" | "x-gzip":
            stream = gzip.GzipFile(fileobj=cast("Any", reader), mode="rb")
            return _Unzipped(reader, stream, (EOFError, zlib.error, gzip.BadGzipFile))
        case "zstd":
            import zstandard  # noqa: PLC0415 - loaded by those who send it

            unpacking = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
            whole = unpacking.stream_reader(cast("Any", reader), read_size=_PIECE, read_across_frames=True)
            return _Unzipped(reader, whole, (zstandard.ZstdError, EOFError))
        case _:
            raise Refusal(
                415,
                "unsupported_media_type",
                f"the content encoding {encoding[:100]!r} is not known",
                hint="gzip, zstd or identity",
                headers={"accept-encoding": "gzip, zstd"},
            )


class Uploads:
    def __init__(self, most: int) -> None:
        self._most = most
        self.running = 0
        """Bodies that are being read."""
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="stook-upload")

    @contextlib.asynccontextmanager
    async def blocks(
        self, body: Body, encoding: str, decode: Callable[[Readable], Iterator[Block]]
    ) -> AsyncIterator[AsyncIterator[Block]]:
        """The items of the body while the context is open; 503 where too many streams are under way."""
        if self.running >= self._most:
            raise Refusal(
                503, "overloaded", f"{self._most} streamed bodies are being read", hint="try again in a moment"
            )
        reader = BodyReader(body)
        source = unzipped(reader, encoding)
        self.running += 1
        thread = _Thread(self._threads)
        try:
            yield _read(thread, source, decode)
        finally:
            reader.close()
            await thread.settle()
            self.running -= 1

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Thread:
    """One call at a time; a call is never left behind."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._call: asyncio.Future[Any] | None = None

    async def run(self, call: Callable[[], T]) -> T:
        try:
            made = asyncio.get_running_loop().run_in_executor(self._pool, call)
        except RuntimeError:  # a thread cannot be started
            raise no_room("thread") from None
        self._call = made
        return await asyncio.shield(made)

    async def settle(self) -> None:
        if self._call is not None and not self._call.done():
            await asyncio.wait({self._call})
        if self._call is not None and not self._call.cancelled():
            self._call.exception()  # it was heard, or nobody waits for it


async def _read(
    thread: _Thread, source: Readable, decode: Callable[[Readable], Iterator[Block]]
) -> AsyncIterator[Block]:
    found = await thread.run(lambda: decode(source))
    while (block := await thread.run(lambda: next(found, None))) is not None:
        yield block
