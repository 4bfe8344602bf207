"""JSON texts that others wrote: checked in bulk, kept byte for byte.

Joined into one array, the texts are split again by a parser; if each element it finds is one of the texts, every text
is exactly one JSON value. So `1,2` or a pair of halves cannot pass. The parser skips what lies inside, and while doing
so overlooks bad UTF-8 and numbers beyond a double: those are looked for by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from stook.core.errors import PayloadError
from stook.core.payload_read import Flaw, flaw
from stook.core.payload_text import MAX_DEPTH, WHITESPACE, join_array, may_overflow, split_array, too_deep

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Invalid", "check_many", "validate_many"]

_anything: Final = msgspec.json.Decoder()


class Invalid(NamedTuple):
    """The first text that is no payload: its place among those given and what is wrong with it."""

    position: int
    flaw: Flaw


def check_many(texts: Sequence[bytes]) -> list[bytes] | Invalid:
    """The texts without the whitespace around them, otherwise byte-exact, if each is one valid JSON value.

    Duplicate keys, integers of any size, escaped NUL and lone surrogate escapes are valid. NaN, Infinity, numbers that
    a double cannot hold, bytes that are not UTF-8 and nesting beyond `MAX_DEPTH` are not.
    """
    if not texts:
        return []
    joined = join_array(texts)
    try:
        items = split_array(joined)
        joined.decode()
        if may_overflow(joined):
            _anything.decode(joined)
    except (PayloadError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _one_by_one(texts)
    if items != list(texts) and items != [text.strip(WHITESPACE) for text in texts]:
        return _one_by_one(texts)
    if max(map(len, items)) > 2 * MAX_DEPTH and any(map(too_deep, items)):
        return _one_by_one(texts)
    return items


def validate_many(texts: Sequence[bytes], start_index: int = 0) -> list[bytes]:
    """`check_many` that raises `PayloadError` with index, column and reason of the first text that is no payload."""
    found = check_many(texts)
    if not isinstance(found, Invalid):
        return found
    column, reason, hint = found.flaw
    raise PayloadError(f"invalid JSON at column {column}: {reason}", index=start_index + found.position, hint=hint)


def _one_by_one(texts: Sequence[bytes]) -> list[bytes] | Invalid:
    for position, text in enumerate(texts):
        wrong = flaw(text)
        if wrong is not None:
            return Invalid(position, wrong)
    return [text.strip(WHITESPACE) for text in texts]
