"""When a request is sent again: rules over numbers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from stook.client.request import Answer

__all__ = ["may_help", "pause_before", "wanted_pause"]

_FIRST: Final = 0.1
_LONGEST: Final = 5.0
_PASSING: Final = frozenset({408, 429, 502, 503, 504})
_CONFLICT: Final = 409
_MOST_DOUBLINGS: Final = 16


def pause_before(tried: int, elapsed: float, patience: float, wanted: float | None, draw: float) -> float | None:
    """Seconds until the next try after `tried` that failed, None: no more. `wanted` is what the server asked for;
    `draw` is between 0 and 1, so that many clients do not come back at once."""
    step = min(_LONGEST, _FIRST * 2 ** min(tried - 1, _MOST_DOUBLINGS))
    pause = step * (0.5 + draw / 2)
    if wanted is not None:
        pause = max(pause, wanted + draw * step)
    return pause if elapsed + pause <= patience else None


def may_help(answer: Answer) -> bool:
    """Whether the same request may be answered otherwise in a moment. A conflict is, where the server says when."""
    return answer.status in _PASSING or (answer.status == _CONFLICT and wanted_pause(answer) is not None)


def wanted_pause(answer: Answer) -> float | None:
    """`Retry-After` in seconds; a date, which needs two clocks to agree, is not followed."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < _MOST_DOUBLINGS else None
