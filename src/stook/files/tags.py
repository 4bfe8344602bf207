"""The tags of each item, taken from a field of its payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stook.core.payload import decode_many, encode, join_array
from stook.files.keys import MISSING, NoKey, look_up

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MOST_TAGS", "extract_tags", "tags_from"]

MOST_TAGS: Final = 16
"""Of one item."""
MOST_BYTES: Final = 200
"""Of one tag."""


def extract_tags(payloads: Sequence[bytes], field: str) -> list[Sequence[str]] | NoKey:
    """`field` may be dotted. It holds one tag or a list of them, strings or numbers; items where it is missing or null
    have none. `NoKey`: the first item with another thing there, and why it is no tag."""
    values = [look_up(item, field) for item in decode_many(join_array(payloads))]
    return tags_from(values, f"the field {field!r}")


def tags_from(values: Sequence[Any], source: str) -> list[Sequence[str]] | NoKey:
    """The same rule for values at hand; `source` says in an error where they come from."""
    found: list[Sequence[str]] = []
    for position, value in enumerate(values):
        if value is MISSING or value is None:
            found.append(())
            continue
        given = value if isinstance(value, list) else [value]
        tags = [encode(one).decode() if type(one) is int or type(one) is float else one for one in given]
        wrong = next((reason for tag in tags if (reason := _wrong(tag)) is not None), None)
        if wrong is None and len(tags) > MOST_TAGS:
            wrong = f"holds {len(tags)} tags, up to {MOST_TAGS} are allowed"
        if wrong is not None:
            return NoKey(position, f"{source} {wrong}")
        found.append(tags)
    return found


def _wrong(tag: object) -> str | None:
    if not isinstance(tag, str):
        return f"holds {type(tag).__name__}, not a string or a number"
    if not tag:
        return "is empty"
    try:
        size = len(tag.encode())
    except UnicodeEncodeError:
        size = -1
    if size < 0 or "\0" in tag:
        return "holds a character that no database keeps (NUL or a lone surrogate)"
    return f"has {size} bytes, up to {MOST_BYTES} are allowed" if size > MOST_BYTES else None
