"""What readers give: items in blocks, small enough that memory stays flat and large enough that speed does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BLOCK_BYTES", "BLOCK_ITEMS", "MAX_ITEM_BYTES", "Block", "fitting", "place"]

BLOCK_ITEMS: Final = 1_000
BLOCK_BYTES: Final = 64 * 1024
"""A block ends once it holds this much: 1,000 items of 64 bytes, or one of a megabyte."""

MAX_ITEM_BYTES: Final = 4 * 1024 * 1024


class Block(NamedTuple):
    """Consecutive items. `keys` is `None` if no key was asked for.

    `lines` says where each item began: its line in a text file, its row in Parquet, its number among files or in an
    iterable, all counted from 1.
    """

    payloads: list[bytes]
    keys: list[str] | None
    lines: Sequence[int]


def place(name: str, line: int, column: int | None = None) -> str:
    return f"{name}:{line}" if column is None else f"{name}:{line}:{column}"


def fitting(items: int, size: int) -> int:
    """How many items make a block, if they are as large as these, `items` of `size` bytes together."""
    return max(1, min(BLOCK_ITEMS, BLOCK_BYTES * items // max(size, 1)))
