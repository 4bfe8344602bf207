"""Logs from workers afar, before the store believes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.log import read_lines
from stook.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.log import LogPart

__all__ = ["check_logs"]

_WHOLE: Final = 2**31


def check_logs(place: int, parts: Sequence[LogPart]) -> None:
    """400 for numbers out of range, and for a body that is not lines in order."""
    for part in parts:
        numbers = [part.offset, part.part, part.last, part.lines, part.dropped]
        if part.leader is not None:
            numbers.append(part.leader)
        if not (min(numbers) >= 0 and max(numbers) < _WHOLE):
            raise _wrong(place, f"a part holds a number that is not between 0 and {_WHOLE - 1}")
        if part.leader is not None and not part.body:
            continue
        try:
            lines = [one.line for one in read_lines(part.body)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _wrong(place, f"the body of a part is no array of lines: {error}") from None
        if lines != sorted(lines) or (lines and not 0 < lines[0] <= lines[-1] <= part.last):
            raise _wrong(place, "the lines of a part are not numbered upwards to its last")


def _wrong(place: int, what: str) -> Refusal:
    return Refusal(400, "option_error", f"settlement {place}: {what}", field="logs")
