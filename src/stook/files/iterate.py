"""Python values as blocks: any iterable, any async iterable, as fast as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from stook.core.errors import InputError
from stook.core.payload import check_size, encode_many
from stook.files.block import MAX_ITEM_BYTES, Block, fitting
from stook.files.keys import NoKey, extract_keys, keys_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

__all__ = ["Key", "async_blocks", "blocks"]

Key = str | Callable[[Any], object]
"""A field of the payload (dotted), or a function of the value."""

_PATIENCE: Final = 0.05
"""Seconds. A block is cut so small that filling it takes about this long: a slow producer's items are not held back."""


def blocks(
    items: Iterable[Any],
    *,
    key: Key | None = None,
    start_index: int = 0,
    max_item_bytes: int = MAX_ITEM_BYTES,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Block]:
    """Takes from `items` only what the next block needs; their own exceptions pass through.

    `PayloadError`, `PayloadTooLarge` or `InputError` (key) with the item's index, counted from `start_index`.
    """
    _refuse_single(items)
    source = iter(items)
    shape = _Shape(key, start_index, max_item_bytes, clock)
    while values := list(islice(source, shape.count)):
        yield shape.block(values)


async def async_blocks(
    items: AsyncIterable[Any],
    *,
    key: Key | None = None,
    start_index: int = 0,
    max_item_bytes: int = MAX_ITEM_BYTES,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Block]:
    """As `blocks`."""
    shape = _Shape(key, start_index, max_item_bytes, clock)
    values: list[Any] = []
    async for value in items:
        values.append(value)
        if len(values) >= shape.count:
            yield shape.block(values)
            values = []
    if values:
        yield shape.block(values)


class _Shape:
    """Makes blocks and says how many items the next one takes: `count`."""

    def __init__(self, key: Key | None, index: int, limit: int, clock: Callable[[], float]) -> None:
        self.count = 1
        self._key = key
        self._index = index
        self._limit = limit
        self._clock = clock
        self._since = clock()

    def block(self, values: list[Any]) -> Block:
        took = self._clock() - self._since
        payloads = encode_many(values, self._index)
        if max(map(len, payloads)) > self._limit:
            for offset, payload in enumerate(payloads):
                check_size(payload, self._limit, self._index + offset)
        block = Block(payloads, self._keys(values, payloads), range(self._index + 1, self._index + 1 + len(values)))
        self._index += len(values)
        in_time = self.count * 2 if took <= _PATIENCE else int(self.count * _PATIENCE / took)
        self.count = max(1, min(in_time, fitting(len(payloads), sum(map(len, payloads)))))
        self._since = self._clock()
        return block

    def _keys(self, values: list[Any], payloads: list[bytes]) -> list[str] | None:
        if self._key is None:
            return None
        if isinstance(self._key, str):
            keys = extract_keys(payloads, self._key)
        else:
            keys = keys_from(map(self._key, values), "what the key function returned")
        if isinstance(keys, NoKey):
            raise InputError(f"no key: {keys.reason}", index=self._index + keys.position)
        return keys


def _refuse_single(items: object) -> None:
    if isinstance(items, str | bytes | bytearray | Mapping):
        kind = type(items).__name__
        raise InputError(f"a {kind} is one value, not many", hint="put it into a list")
