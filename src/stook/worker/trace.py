"""An exception as text: its type's name, its message, its traceback without the frames that called the handler."""

from __future__ import annotations

import traceback
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["MESSAGE_LIMIT", "TRACEBACK_LIMIT", "clipped", "frames_of", "message_of", "traceback_of", "type_name"]

MESSAGE_LIMIT: Final = 8 * 1024
TRACEBACK_LIMIT: Final = 32 * 1024
"""Bytes of UTF-8."""

_HERE: Final = str(Path(__file__).parent)


def type_name(kind: type[BaseException]) -> str:
    """`module.Class`; builtins and stook's own classes bare, as users write them."""
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" or module.startswith("stook.") else f"{module}.{kind.__qualname__}"


def message_of(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as broken:  # noqa: BLE001 -- the user's __str__
        text = f"<str() of it raised {type_name(type(broken))}>"
    return clipped(text, MESSAGE_LIMIT, MESSAGE_LIMIT)


def frames_of(error: BaseException) -> list[tuple[str, str]]:
    """(file, function), outermost first."""
    found = []
    step = _trimmed(error.__traceback__)
    while step is not None:
        code = step.tb_frame.f_code
        found.append((code.co_filename, code.co_name))
        step = step.tb_next
    return found


def traceback_of(error: BaseException) -> str:
    """As Python prints it, from the handler's frame inwards; empty if no code of the user's was reached. An error that
    was raised in another process brings its own, as `traceback_text`."""
    told = getattr(error, "traceback_text", None)
    if isinstance(told, str):
        return clipped(told, TRACEBACK_LIMIT, TRACEBACK_LIMIT // 4)
    steps = _trimmed(error.__traceback__)
    chained = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if steps is None and chained is None:
        return ""
    if chained is not None or isinstance(error, BaseExceptionGroup):
        text = "".join(traceback.TracebackException(type(error), error, steps, compact=True).format())
    else:
        # A million items that fail in one place fail with one stack: what is slow about it is done once.
        head = "Traceback (most recent call last):\n" + _stack(tuple(_lines(steps)))
        text = head + "".join(traceback.format_exception_only(error))
    return clipped(text, TRACEBACK_LIMIT, TRACEBACK_LIMIT // 4)


def _lines(step: TracebackType | None) -> list[tuple[str, int, str, None]]:
    found = []
    while step is not None:
        code = step.tb_frame.f_code
        found.append((code.co_filename, step.tb_lineno, code.co_name, None))
        step = step.tb_next
    return found


@lru_cache(maxsize=256)
def _stack(lines: tuple[tuple[str, int, str, None], ...]) -> str:
    return "".join(traceback.StackSummary.from_list(list(lines)).format())


def _trimmed(step: TracebackType | None) -> TracebackType | None:
    while step is not None and step.tb_frame.f_code.co_filename.startswith(_HERE):
        step = step.tb_next
    return step


def clipped(text: str, limit: int, head: int) -> str:
    """At most `limit` bytes: the first `head` and, if that is less, the last ones, which hold the error itself."""
    raw = text.encode(errors="backslashreplace")
    if len(raw) > limit:
        note = f"\n… {len(raw) - limit} bytes left out …\n".encode()
        tail = limit - head
        raw = raw[: head - len(note)] + note + (raw[-tail:] if tail else b"")
    return str(raw, "utf-8", "ignore")
