"""JSON Lines: one payload a line, kept byte for byte; blank lines are passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.errors import PayloadError
from stook.core.payload import Invalid, check_many
from stook.files.block import BLOCK_ITEMS, Block, place
from stook.files.byte_stream import whole_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stook.files.byte_stream import Source

__all__ = ["read_jsonl"]


def read_jsonl(stream: Source, limit: int) -> Iterator[Block]:
    """`PayloadError` with line and column of the first line that is no payload."""
    index, first = 0, 1
    for piece in whole_lines(stream, limit, b" \t\r\n"):
        texts = piece.split(b"\n")
        lines: Sequence[int] = range(first, first + len(texts))
        first += len(texts)
        if not all(map(bytes.strip, texts)):
            lines = [line for line, text in zip(lines, texts, strict=True) if text.strip()]
            texts = list(filter(bytes.strip, texts))
        items = check_many(texts)
        if isinstance(items, Invalid):
            raise _error(stream.name, index, lines, texts, items)
        for start in range(0, len(items), BLOCK_ITEMS):
            yield Block(items[start : start + BLOCK_ITEMS], None, lines[start : start + BLOCK_ITEMS])
        index += len(items)


def _error(name: str, index: int, lines: Sequence[int], texts: list[bytes], found: Invalid) -> PayloadError:
    column, reason, hint = found.flaw
    if hint is None and index == found.position == 0 and texts[0].lstrip().startswith((b"[", b"{")):
        hint = "each line must be one JSON value; for one array over many lines use the format json"
    where = place(name, lines[found.position], column)
    return PayloadError(f"invalid JSON: {reason}", index=index + found.position, where=where, hint=hint)
