"""Text of other programs, as both databases can keep it."""

from __future__ import annotations

__all__ = ["kept_text"]


def kept_text(text: str, most: int) -> str:
    """At most so many bytes of UTF-8; U+FFFD stands for NUL and lone surrogates."""
    plain = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")
    whole = plain.encode()
    return plain if len(whole) <= most else whole[:most].decode(errors="ignore")
