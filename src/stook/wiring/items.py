"""Python values on their way into a batch: encoded where the caller's iterable runs, sent on in blocks."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from stook.core.errors import InputError
from stook.engine.service import Block
from stook.files.iterate import async_blocks, blocks
from stook.files.keys import NoKey, extract_keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from stook.files.block import Block as FileBlock

__all__ = ["Field", "async_item_blocks", "is_small", "item_blocks"]

Field = str | Callable[[Any], object] | None
"""A field of the payload (dotted), or a function of the item."""

SMALL = 50_000


def is_small(items: object) -> bool:
    """Short enough to encode whole before anything is written: a bad item then leaves no trace."""
    return isinstance(items, list | tuple) and len(items) <= SMALL


def item_blocks(items: Iterable[Any], *, key: Field, dedupe_key: Field, most: int) -> Iterator[Block]:
    marks = _Marks(dedupe_key)
    for block in blocks(marks.watch(items), key=key, max_item_bytes=most):
        yield marks.block(block)


async def async_item_blocks(
    items: AsyncIterable[Any], *, key: Field, dedupe_key: Field, most: int
) -> AsyncIterator[Block]:
    marks = _Marks(dedupe_key)
    async for block in async_blocks(marks.awatch(items), key=key, max_item_bytes=most):
        yield marks.block(block)


class _Marks:
    """Dedupe keys of the items of the next blocks."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._ready: deque[str | None] = deque()

    def watch(self, items: Iterable[Any]) -> Iterable[Any]:
        return self._watched(items) if callable(self._field) else items

    def awatch(self, items: AsyncIterable[Any]) -> AsyncIterable[Any]:
        return self._awatched(items) if callable(self._field) else items

    def block(self, block: FileBlock) -> Block:
        return Block(block.payloads, block.keys, self._of(block))

    def _of(self, block: FileBlock) -> Sequence[str | None] | None:
        if self._field is None:
            return None
        if callable(self._field):
            return [self._ready.popleft() for _ in block.payloads]
        found = extract_keys(block.payloads, self._field)
        if isinstance(found, NoKey):
            index = block.lines[0] - 1 + found.position
            raise InputError(f"no dedupe key: {found.reason}", index=index, hint="give every item one, or none")
        return found

    def _watched(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._ready.append(self._called(item))
            yield item

    async def _awatched(self, items: AsyncIterable[Any]) -> AsyncIterator[Any]:
        async for item in items:
            self._ready.append(self._called(item))
            yield item

    def _called(self, item: Any) -> str | None:
        assert callable(self._field)
        found = self._field(item)
        if found is None or isinstance(found, str):
            return found
        raise InputError(f"a dedupe key is text or None, not {type(found).__name__}")
