"""What is wrong with items of an invocation: all of it is told at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn

from stook.core.errors import BadItem, DuplicateKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.errors import InvokeError
    from stook.core.invocation import NewItem

__all__ = ["check_twice", "note_all", "raise_all"]

_PATH: Final = re.compile(r" - at `\$\.?([^`]*)`")


def raise_all(errors: Sequence[tuple[int, InvokeError]]) -> NoReturn:
    """(index, error) each: that of the first item, with what is wrong with every one of them."""
    in_order = sorted(errors, key=lambda one: one[0])
    index, first = in_order[0]
    first.index = index
    note_all(first, in_order)
    raise first


def note_all(first: InvokeError, errors: Sequence[tuple[int | None, InvokeError]]) -> None:
    first.errors = [_bad(error, place) for place, error in errors]


def check_twice(task: str, new: NewItem, index: int, seen: dict[tuple[str, str], int]) -> None:
    """Where a repeated key is to be an error, it is one within the call too."""
    if new.dedupe is None:
        return
    earlier = seen.setdefault((task, new.dedupe), index)
    if earlier != index and new.mode == "reject":
        raise DuplicateKey(f"item {earlier} has the same dedupe key", index=index, hint="give each a key of its own")


def _bad(error: InvokeError, index: int | None) -> BadItem:
    found = _PATH.search(error.message)
    return BadItem(index, error.code, found[1] if found else "", error.message)
