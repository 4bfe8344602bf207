"""The caller's key of each item, taken from a field of its payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from stook.core.payload import decode_many, encode, join_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["MISSING", "NoKey", "extract_keys", "keys_from", "look_up"]

MISSING: Final = object()
_NAMES: Final = {type(None): "null", bool: "a boolean", dict: "an object", list: "an array"}


class NoKey(NamedTuple):
    """The first item without a usable key, and why."""

    position: int
    reason: str


def extract_keys(payloads: Sequence[bytes], field: str) -> list[str] | NoKey:
    """`field` may be dotted (`order.id`); a field whose very name has the dot comes first.

    Keys are strings; numbers become the text JSON has for them. Nothing else is a key.
    """
    items = decode_many(join_array(payloads))
    try:
        values = [item[field] for item in items]
    except (KeyError, TypeError, IndexError):
        values = [look_up(item, field) for item in items]
    return keys_from(values, f"the field {field!r}")


def keys_from(values: Iterable[Any], source: str) -> list[str] | NoKey:
    """The same rule for values at hand; `source` says in an error where they come from."""
    values = list(values)
    if set(map(type, values)) == {str}:
        text = "".join(values)
        if text.isascii() and "\0" not in text and all(values):
            return values
    keys: list[str] = []
    for position, value in enumerate(values):
        key = encode(value).decode() if type(value) is int or type(value) is float else value
        wrong = _wrong(key)
        if wrong is not None:
            return NoKey(position, f"{source} {wrong}")
        keys.append(key)
    return keys


def _wrong(key: Any) -> str | None:
    if key is MISSING:
        return "is missing"
    if not isinstance(key, str):
        return f"is {_NAMES.get(type(key), type(key).__name__)}, not a string or a number"
    if not key:
        return "is empty"
    if "\0" in key or not (key.isascii() or _is_unicode(key)):
        return "holds a character that no database keeps (NUL or a lone surrogate)"
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def look_up(value: Any, field: str) -> Any:
    if isinstance(value, dict) and field in value:
        return value[field]
    for name in field.split("."):
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value
