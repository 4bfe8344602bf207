"""Names as keys of PostgreSQL's advisory locks."""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["key_of"]


def key_of(schema: str, name: str) -> int:
    """64 bits. Two names with one key only wait for each other needlessly."""
    digest = blake2b(f"{schema}:{name}".encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
