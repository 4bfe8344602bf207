"""Python values on their way into a batch: encoded where the caller's iterable runs, sent on in blocks."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from collections.abc import Sequence as SequenceABC
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Final

from stook.core.errors import DuplicateKeys, InputError
from stook.engine.names import MAX_KEY_BYTES, check_name
from stook.engine.service import Block
from stook.files.iterate import async_blocks, blocks
from stook.files.keys import NoKey, extract_keys, keys_from
from stook.files.tags import extract_tags

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from stook.files.block import Block as FileBlock

__all__ = ["Field", "async_item_blocks", "item_blocks"]

Field = str | Callable[[Any], object] | None
"""A field of the payload (dotted), or a function of the item."""

SMALL: Final = 50_000
"""So many items of a list, range or set are encoded before anything is written: a bad one then leaves no trace."""
_PAIRS: Final = 100


def item_blocks(
    items: Iterable[Any], *, key: Field, dedupe_key: Field, tag: str | None = None, most: int
) -> Iterable[Block]:
    """Of a short list, or another sequence or set, all of them, checked; of anything else one at a time as it is
    consumed."""
    if isinstance(items, str | bytes | bytearray | Mapping) or not isinstance(items, Iterable):
        raise InputError(f"{_kind(items)} is one value, not many", hint="put it into a list, or use submit")
    made = _blocks(items, key, _Marks(dedupe_key, tag), most)
    if not isinstance(items, SequenceABC | AbstractSet) or len(items) > SMALL:
        return made
    whole = list(made)
    _check_unique(whole)
    return whole


async def async_item_blocks(
    items: AsyncIterable[Any], *, key: Field, dedupe_key: Field, tag: str | None = None, most: int
) -> AsyncIterator[Block]:
    marks = _Marks(dedupe_key, tag)
    index = 0
    async for block in async_blocks(marks.awatch(items), key=key, max_item_bytes=most):
        yield marks.block(block, index)
        index += len(block.payloads)


def _blocks(items: Iterable[Any], key: Field, marks: _Marks, most: int) -> Iterator[Block]:
    index = 0
    for block in blocks(marks.watch(items), key=key, max_item_bytes=most):
        yield marks.block(block, index)
        index += len(block.payloads)


def _check_unique(whole: Sequence[Block]) -> None:
    seen: dict[str, int] = {}
    pairs: list[tuple[str, int, int]] = []
    for index, key in enumerate(key for block in whole for key in block.keys or ()):
        earlier = seen.setdefault(key, index)
        if earlier != index:
            pairs.append((key, index, earlier))
    if pairs:
        raise DuplicateKeys(pairs[:_PAIRS])


def _check_lengths(what: str, keys: Sequence[str], index: int) -> None:
    if 4 * max(map(len, keys), default=0) > MAX_KEY_BYTES:
        for place, key in enumerate(keys):
            if key:
                check_name(what, key, index=index + place)


def _kind(items: object) -> str:
    name = type(items).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


class _Marks:
    """Dedupe keys and tags of the items of the next blocks, and a look at their callers' keys."""

    def __init__(self, field: Field, tag: str | None) -> None:
        self._tag = tag
        self._field = field
        self._ready: deque[object] = deque()

    def watch(self, items: Iterable[Any]) -> Iterable[Any]:
        return self._watched(items) if callable(self._field) else items

    def awatch(self, items: AsyncIterable[Any]) -> AsyncIterable[Any]:
        return self._awatched(items) if callable(self._field) else items

    def block(self, block: FileBlock, index: int) -> Block:
        """`index` is that of its first item."""
        _check_lengths("key", block.keys or (), index)
        return Block(block.payloads, block.keys, self._of(block, index), self._tags(block, index))

    def _tags(self, block: FileBlock, index: int) -> Sequence[Sequence[str]] | None:
        if self._tag is None:
            return None
        found = extract_tags(block.payloads, self._tag)
        if isinstance(found, NoKey):
            raise InputError(
                f"no tag: {found.reason}",
                index=index + found.position,
                hint="a tag is a string or a number; null or an empty list: none",
            )
        return found

    def _of(self, block: FileBlock, index: int) -> Sequence[str | None] | None:
        if self._field is None:
            return None
        if callable(self._field):
            marks = [self._ready.popleft() for _ in block.payloads]
            given = [place for place, mark in enumerate(marks) if mark is not None]
            found = keys_from((marks[place] for place in given), "what the dedupe_key function returned")
        else:
            given = list(range(len(block.payloads)))
            found = extract_keys(block.payloads, self._field)
        if isinstance(found, NoKey):
            raise InputError(
                f"no dedupe key: {found.reason}",
                index=index + given[found.position],
                hint="a function may return None for an item that needs none",
            )
        answer: list[str | None] = [None] * len(block.payloads)
        for place, mark in zip(given, found, strict=True):
            answer[place] = mark
        _check_lengths("dedupe_key", [mark or "" for mark in answer], index)
        return answer

    def _watched(self, items: Iterable[Any]) -> Iterator[Any]:
        assert callable(self._field)
        for item in items:
            self._ready.append(self._field(item))
            yield item

    async def _awatched(self, items: AsyncIterable[Any]) -> AsyncIterator[Any]:
        assert callable(self._field)
        async for item in items:
            self._ready.append(self._field(item))
            yield item
