"""Pages: `limit` and `offset`, a count of all, and addresses of the pages beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl, urlencode

from stook.server.dialects.vellum.refused import bad

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MOST", "Paging", "page", "read_paging"]

T = TypeVar("T")
MOST: Final = 1000
_USUAL: Final = 100
_LARGEST: Final = 2**31 - 1


class Paging:
    def __init__(self, limit: int, offset: int) -> None:
        self.limit = limit
        self.offset = offset

    def cut(self, rows: Sequence[T]) -> Sequence[T]:
        return rows[self.offset : self.offset + self.limit]


def read_paging(query: Mapping[str, str]) -> Paging:
    """400 for what is no number of its range."""
    return Paging(_number(query, "limit", _USUAL, 1, MOST), _number(query, "offset", 0, 0, _LARGEST))


def _number(query: Mapping[str, str], name: str, usual: int, least: int, most: int) -> int:
    text = query.get(name)
    if text is None or text == "":
        return usual
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST)) and least <= int(text) <= most):
        raise bad(f"{name}={text[:50]!r} is not a whole number from {least} to {most}")
    return int(text)


def page(results: Sequence[Any], count: int, paging: Paging, url: str) -> dict[str, Any]:
    """`url`: that of the request, as its sender wrote it."""
    following = paging.offset + paging.limit
    before = max(0, paging.offset - paging.limit)
    return {
        "count": count,
        "next": _at(url, paging.limit, following) if following < count else None,
        "previous": _at(url, paging.limit, before) if paging.offset > 0 else None,
        "results": list(results),
    }


def _at(url: str, limit: int, offset: int) -> str:
    path, _, query = url.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query) if name not in ("limit", "offset")]
    return f"{path}?{urlencode([*kept, ('limit', limit), ('offset', offset)])}"
