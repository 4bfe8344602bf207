"""A line of a captured log as people read it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["harmless", "log_text"]


def log_text(
    at: int, attempt: int, level: str | None, source: str, message: str, fields: Mapping[str, Any] | None
) -> str:
    """`2026-11-22T08:33:55.123456Z #1 warning stook.task.pay: no answer  tries=3`. What has several lines goes on
    indented; characters that would do something to a terminal are shown as U+FFFD."""
    when = datetime.fromtimestamp(at / 1_000_000, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    known = dict(fields or {})
    traceback = known.pop("traceback", None)
    named = "".join(f"  {name}={value}" for name, value in known.items() if source != "stook")
    head = f"{when}Z #{attempt} {f'{level} ' if level else ''}{source}: {message}{named}"
    lines = (f"{head}\n{traceback}" if isinstance(traceback, str) else head).splitlines() or [""]
    return "\n    ".join(map(harmless, lines)).rstrip()


def harmless(line: str) -> str:
    """One line, which does nothing to a terminal."""
    return "".join(char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}" for char in line)
