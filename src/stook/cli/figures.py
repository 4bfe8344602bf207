"""Numbers, durations and moments as people read them."""

from __future__ import annotations

import time
from typing import Final

__all__ = ["count", "duration", "moment", "one_line", "plural", "share"]

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400
_PRECISE: Final = 10


def count(number: int) -> str:
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 execution`, `1,000 executions`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def share(part: int, whole: int) -> str:
    """Percent; never 100 before it is all, never 0 once it is something."""
    if not whole:
        return "100 %"
    percent = 100 * part / whole
    if part < whole and percent > 99.9:  # noqa: PLR2004 - rounds to 100
        percent = 99.9
    if part and percent < 0.1:  # noqa: PLR2004 - rounds to 0
        percent = 0.1
    return f"{percent:.1f} %" if part not in (0, whole) else f"{percent:.0f} %"


def duration(seconds: float) -> str:
    """`0.25 s`, `12 s`, `4 min 05 s`, `3 h 07 min`, `2 d 03 h`."""
    if seconds < 1:
        return f"{max(seconds, 0):.2f} s"
    if seconds < _PRECISE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, small, small_unit in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // small:02} {small_unit}"
    return f"{whole} s"


def moment(microseconds: int | None) -> str:
    """Local time, `-` for never."""
    if microseconds is None:
        return "-"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(microseconds / 1_000_000))


def one_line(text: str, longest: int | None = None) -> str:
    """Whatever a text holds, it takes one line and does nothing to the terminal."""
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split()))
    return line if longest is None or len(line) <= longest else line[: longest - 1] + "…"
