"""The body of a request: read in pieces, within limits, decoded into shapes."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from stook.core.errors import PayloadError
from stook.core.payload_text import mask_surrogates, split_array
from stook.server.refusal import Refusal, invalid_json, wrong_shape

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from stook.server.limits import Limits

__all__ = ["Body", "SenderGone", "decode_body"]

T = TypeVar("T")
_DRAINED: Final = 16 * 1024 * 1024
_DRAIN_SECONDS: Final = 2.0
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class SenderGone(ConnectionError):
    """The other side closed the connection, or went silent, before its body had an end."""


class Body:
    def __init__(self, receive: Callable[[], Awaitable[MutableMapping[str, Any]]], limits: Limits) -> None:
        self._receive = receive
        self._limits = limits
        self.ended = False
        self.gone = False
        self.received = 0
        """Bytes so far."""

    async def piece(self) -> bytes:
        """The next bytes, none at the end. `SenderGone` when there will be no end."""
        while not self.ended:
            try:
                async with asyncio.timeout(self._limits.body_seconds):
                    message = await self._receive()
            except TimeoutError:
                self.gone = True
                raise SenderGone(f"the body stood still for {self._limits.body_seconds:g} seconds") from None
            if message["type"] == "http.disconnect":
                self.gone = True
                raise SenderGone("the connection was closed before the body had an end")
            self.ended = not message.get("more_body", False)
            data: bytes = message.get("body", b"")
            if data:
                self.received += len(data)
                return data
        return b""

    async def whole(self, limit: int, length: str | None) -> bytes:
        """All of it; 413 beyond `limit` bytes, before they are all here. `length` is the header."""
        if length is not None and length.isascii() and length.isdigit() and int(length) > limit:
            raise _too_large(limit)
        pieces: list[bytes] = []
        size = 0
        while data := await self.piece():
            size += len(data)
            if size > limit:
                raise _too_large(limit)
            pieces.append(data)
        return b"".join(pieces)

    async def left(self) -> None:
        """Returns once the other side has closed the connection. For bodies that have been read whole."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def drain(self) -> None:
        """Before an answer that says no: who is still sending would not read it. Only so much, only so long."""
        left = _DRAINED
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self.gone and left > 0 and (data := await self.piece()):
                    left -= len(data)
        except (TimeoutError, SenderGone):
            return


def _too_large(limit: int) -> Refusal:
    return Refusal(
        413,
        "body_too_large",
        f"the body has more than {limit} bytes",
        hint="send items as application/x-ndjson: a stream has no limit",
    )


_decoders: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}


def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """Shapes are few; each has its decoder made once."""
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(kind)
    return _decoders[kind]


def decode_body(raw: bytes, kind: type[T]) -> T:
    """400 that names the field for what is not of this shape. Payloads in it are found, not checked."""
    try:
        return _decoder(kind).decode(raw)
    except msgspec.ValidationError as error:
        raise wrong_shape(error, "body") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if _SURROGATE.search(raw):
            return _decode_masked(raw, kind, error)
        raise invalid_json(error) from None


def _decode_masked(raw: bytes, kind: type[T], error: Exception) -> T:
    """The parser refuses lone surrogates, which payloads may hold. The mask is as long as the text: places in one are
    places in the other."""
    masked = mask_surrogates(raw)
    try:
        parts = msgspec.json.decode(masked, type=dict[str, msgspec.Raw])
        made: Any = _decoder(kind).decode(masked)
    except msgspec.ValidationError as wrong:
        raise wrong_shape(wrong, "body") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise invalid_json(error) from None
    at = 0
    for name, part in parts.items():
        content = bytes(part)
        at = masked.find(content, at)
        exact = raw[at : at + len(content)]
        at += len(content)
        if exact == content:
            continue
        try:
            if name == "items":
                made.items = list(map(msgspec.Raw, split_array(exact)))
            elif name == "payload":
                made.payload = msgspec.Raw(exact)
            else:
                raise Refusal(400, "invalid_json", f"body: half a surrogate pair in {name!r}", field=name)
        except PayloadError:
            raise invalid_json(error) from None
    finished: T = made
    return finished
