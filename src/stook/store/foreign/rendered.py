"""Values as the text of parameters without a type: the server takes each for what its place in the statement asks.

Sent with the types that a library guesses, `[1, 2]` would be an array of smallints, and `$1 * 1000000` overflow.
"""

from __future__ import annotations

from typing import Any

__all__ = ["plain", "rendered"]


def rendered(value: Any) -> str | bytes | None:
    """Bytes stay as they are: they are sent in binary."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, (list, tuple)):
        return "{" + ",".join(map(_member, value)) + "}"
    return _number(value)


def plain(text: str) -> str:
    """With U+FFFD for what no text column can hold: NUL, and halves of surrogate pairs."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _member(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    if isinstance(value, str):
        return '"' + plain(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    return _number(value)


def _number(value: Any) -> str:
    """0 and 1 are numbers, and truth values too."""
    return repr(int(value)) if isinstance(value, int) else repr(float(value))
