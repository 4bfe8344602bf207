"""How items are read out of a body, which somebody else knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stook.engine.options import Block

__all__ = ["BodyFormat", "ItemDecoder", "Readable"]

BodyFormat = Literal["jsonl", "csv", "parquet"]


class Readable(Protocol):
    """A body as a stream of bytes, read by a thread."""

    name: str

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end."""
        ...


class ItemDecoder(Protocol):
    """Errors are `InputError`s with the item's index and its line."""

    def read(
        self, body: Readable, kind: BodyFormat, *, key: str | None, dedupe_key: str | None, most: int
    ) -> Iterator[Block]:
        """Blocks of items as they come, in a thread; `most` bytes each may have."""
        ...

    def marked(
        self, payloads: Sequence[bytes], *, keys: Sequence[str] | None, key: str | None, dedupe_key: str | None
    ) -> Block:
        """Items at hand, with the keys that the fields hold."""
        ...
