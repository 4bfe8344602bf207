"""What a query asks for. An empty value is one that was not given; what is not known is passed over."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from stook.server.dialects.kernel.refusals import bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stook.server.call import Call

__all__ = ["Paging", "asked", "asked_one_of", "read_paging"]

T = TypeVar("T")
MOST: Final = 100
_WHOLE: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)


def asked(call: Call, name: str) -> str | None:
    return call.request.query_params.get(name) or None


def asked_one_of(call: Call, name: str, words: Mapping[str, T]) -> T | None:
    """What the word stands for; 400 for one that is not known."""
    word = asked(call, name)
    if word is None:
        return None
    if word not in words:
        raise bad_request(f"{name}: {word[:100]!r} is none of {', '.join(words)}")
    return words[word]


class Paging(NamedTuple):
    limit: int
    offset: int

    def headers(self, *, more: bool) -> dict[str, str]:
        """Of the answer. The next offset counts from the beginning, and is 0 where there is no next page."""
        return {
            "x-limit": str(self.limit),
            "x-offset": str(self.offset),
            "x-has-more": "true" if more else "false",
            "x-next-offset": str(self.offset + self.limit if more else 0),
        }


def read_paging(call: Call, usual: int = 20) -> Paging:
    """A larger limit than there may be is made smaller; 400 for one below 1, or an offset below 0."""
    return Paging(min(MOST, _number(call, "limit", usual, 1)), _number(call, "offset", 0, 0))


def _number(call: Call, name: str, usual: int, least: int) -> int:
    text = asked(call, name)
    if text is None:
        return usual
    if not _WHOLE.fullmatch(text) or int(text) < least:
        raise bad_request(f"{name}: {text[:100]!r} is not a whole number ≥ {least}")
    return int(text)
