"""Which items of an input share a key, found without holding the keys: 24 bytes an item, spilled to temporary files.

key ─ hash ─▶ one of 64 buckets ─ when all is read ─▶ each bucket alone: the same hash twice
"""

from __future__ import annotations

import hashlib
import heapq
import tempfile
from typing import IO, TYPE_CHECKING, Final, Literal, Self

from stook.files.disk import writing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

__all__ = ["Duplicates", "KeyIndex", "Left"]

Duplicates = Literal["reject", "first", "last"]

_BUCKETS: Final = 64
_IN_MEMORY: Final = 512 * 1024
_HASH: Final = 16
_ENTRY: Final = _HASH + 8


class Left:
    """Items that are left out, one bit each."""

    def __init__(self, items: int) -> None:
        self.count = 0
        self._bits = bytearray((items + 7) // 8)

    def add(self, index: int) -> None:
        if index not in self:
            self._bits[index >> 3] |= 1 << (index & 7)
            self.count += 1

    def __contains__(self, index: int) -> bool:
        return bool(self._bits[index >> 3] & 1 << (index & 7))


class KeyIndex:
    """Give it the keys of all items in order, then ask. Closing it removes its files."""

    def __init__(self) -> None:
        self._items = 0
        self._where = tempfile.gettempdir()
        self._buckets: list[IO[bytes]] = [
            tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by `close`
            for _ in range(_BUCKETS)
        ]

    def add(self, keys: Sequence[str]) -> None:
        gathered: dict[int, list[bytes]] = {}
        for index, key in enumerate(keys, self._items):
            digest = hashlib.blake2b(key.encode(), digest_size=_HASH).digest()
            gathered.setdefault(digest[0] % _BUCKETS, []).append(digest + index.to_bytes(8))
        self._items += len(keys)
        with writing(self._where):
            for bucket, entries in gathered.items():
                self._buckets[bucket].write(b"".join(entries))

    def pairs(self, most: int) -> list[tuple[int, int]]:
        """(index, earlier index with the same key) of the first `most` items whose key came before, in order."""
        return heapq.nsmallest(most, self._repeated())

    def left_out(self, keep: Literal["first", "last"]) -> Left:
        """All items of the same key but one."""
        left = Left(self._items)
        for index, earlier in self._repeated(to_last=keep == "last"):
            left.add(earlier if keep == "last" else index)
        return left

    def _repeated(self, *, to_last: bool = False) -> Iterator[tuple[int, int]]:
        """The earlier one is the first of its key or, `to_last`, the one just before."""
        for bucket in self._buckets:
            bucket.seek(0)
            content = bucket.read()
            seen: dict[bytes, int] = {}
            for at in range(0, len(content), _ENTRY):
                digest = content[at : at + _HASH]
                index = int.from_bytes(content[at + _HASH : at + _ENTRY])
                if digest in seen:
                    yield index, seen[digest]
                    if not to_last:
                        continue
                seen[digest] = index

    def close(self) -> None:
        for bucket in self._buckets:
            bucket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
