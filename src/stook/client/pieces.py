"""Items on their way to a server: encoded as they come, sent in pieces that can be sent again."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.client.calls import NDJSON
from stook.client.request import JSON
from stook.core.errors import InputError
from stook.core.payload import encode, encode_many

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

    from stook.client.options import BatchOptions

__all__ = ["Packer", "Piece", "item_list", "pieces_of"]

BYTES: Final = 2 * 1024 * 1024
ITEMS: Final = 50_000
PATIENCE: Final = 1.0
"""Seconds after which what is there is sent, though a piece could hold more: a slow producer's items may begin."""
_ENCODED: Final = 256 * 1024
"""Bytes encoded at a time, about."""


class Piece(msgspec.Struct):
    """Consecutive items from number `offset` on. `keys` where a function made them; a field's name says the rest."""

    offset: int
    payloads: list[bytes]
    keys: list[str] | None

    @property
    def stop(self) -> int:
        return self.offset + len(self.payloads)

    def body(self) -> tuple[bytes, str]:
        """With its media type."""
        if self.keys is None:
            return b"".join([line + b"\n" for line in map(_on_one_line, self.payloads)]), NDJSON
        return b'{"items":%s,"keys":%s}' % (item_list(self.payloads), encode(self.keys)), JSON


def item_list(payloads: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(payloads) + b"]"


def _on_one_line(payload: bytes) -> bytes:
    """A line break in JSON is whitespace."""
    return payload.replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in payload or b"\r" in payload else payload


class Packer:
    """`PayloadError` or `InputError` with the item's index."""

    def __init__(self, options: BatchOptions, *, clock: Callable[[], float] = time.monotonic) -> None:
        key = options.get("key")
        self._key = key if callable(key) else None
        self._clock = clock
        self._values: list[Any] = []
        self._bite = 1
        self._size = 0
        self._since = clock()
        self._piece = Piece(0, [], None if self._key is None else [])

    def add(self, value: Any) -> Piece | None:
        """A piece that is full with it."""
        self._values.append(value)
        if len(self._values) < self._bite and self._clock() - self._since < PATIENCE:
            return None
        self._encode()
        if self._size < BYTES and len(self._piece.payloads) < ITEMS and self._clock() - self._since < PATIENCE:
            return None
        return self.rest()

    def rest(self) -> Piece:
        """What is there, which may be nothing."""
        self._encode()
        piece, self._piece = self._piece, Piece(self._piece.stop, [], None if self._key is None else [])
        self._size, self._since = 0, self._clock()
        return piece

    def _encode(self) -> None:
        values, self._values = self._values, []
        if not values:
            return
        index = self._piece.stop
        payloads = encode_many(values, index)
        if self._key is not None:
            assert self._piece.keys is not None
            self._piece.keys += [_key_text(self._key(value), index + place) for place, value in enumerate(values)]
        size = sum(map(len, payloads))
        self._piece.payloads += payloads
        self._size += size
        self._bite = max(1, min(2 * self._bite, _ENCODED * len(payloads) // max(size, 1), 1000))


def _key_text(key: object, index: int) -> str:
    """Strings; numbers become the text JSON has for them."""
    if isinstance(key, str) and key:
        return key
    if isinstance(key, int | float) and not isinstance(key, bool):
        return encode(key).decode()
    raise InputError(f"no key: what the key function returned is {key!r}", index=index, hint="text or a number")


async def pieces_of(items: Iterable[Any] | AsyncIterable[Any], packer: Packer) -> AsyncGenerator[Piece]:
    if isinstance(items, AsyncIterable):
        async for value in items:
            piece = packer.add(value)
            if piece is not None:
                yield piece
    else:
        for value in items:
            piece = packer.add(value)
            if piece is not None:
                yield piece
    piece = packer.rest()
    if piece.payloads:
        yield piece
