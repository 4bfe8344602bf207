"""Where in the source two items with the same key stand: the store knows their indexes, the file knows their lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.errors import DuplicateKeys
from stook.files.block import place
from stook.files.read import open_items

if TYPE_CHECKING:
    from collections.abc import Collection

    from stook.files.formats import InputFormat
    from stook.files.read import ItemReader
    from stook.files.spool import ItemSource

__all__ = ["lines_of", "locate"]


def lines_of(
    source: ItemSource,
    indexes: Collection[int],
    *,
    format: InputFormat | None = None,  # noqa: A002 -- as in open_items
) -> dict[int, int]:
    """The line of each item, counted from 1. Reads the source again, up to the last of them.

    Standard input cannot be read again: give what `spool_stdin` made of it.
    """
    with open_items(source, format=format) as reader:
        return _lines(reader, sorted(set(indexes)))


def locate(
    error: DuplicateKeys,
    source: ItemSource,
    *,
    format: InputFormat | None = None,  # noqa: A002 -- as in open_items
) -> DuplicateKeys:
    """The same error with `where` naming both places of the first pair: `rows.csv:17 and rows.csv:3`.

    Without, if the source no longer has these items.
    """
    _, index, earlier = error.pairs[0]
    with open_items(source, format=format) as reader:
        lines = _lines(reader, sorted({index, earlier}))
    located = DuplicateKeys(error.pairs)
    if len(lines) == len({index, earlier}):
        located.where = " and ".join(place(reader.name, lines[one]) for one in (index, earlier))
    return located


def _lines(reader: ItemReader, wanted: list[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    index = 0
    for block in reader:
        end = index + len(block.payloads)
        while len(found) < len(wanted) and wanted[len(found)] < end:
            one = wanted[len(found)]
            found[one] = block.lines[one - index]
        if len(found) == len(wanted):
            break
        index = end
    return found
