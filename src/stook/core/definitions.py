"""Catalogue entries: tasks and events by name and types, shared by programs that invoke and programs that run."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, Final

from stook.core.errors import ConfigError

__all__ = ["EventDef", "TaskDef", "check_text"]

_MOST_BYTES: Final = 512


@dataclass(frozen=True, slots=True)
class TaskDef:
    """A task that may be defined elsewhere. `payload` and `returns` are types that values are checked against; None:
    any JSON."""

    name: str
    _: KW_ONLY
    queue: str = "default"
    payload: Any = None
    returns: Any = None

    def __post_init__(self) -> None:
        check_text("the name of a task", self.name)
        check_text("the queue of a task", self.queue)


@dataclass(frozen=True, slots=True)
class EventDef:
    """An event that is emitted by name; its payload is checked against the type `payload` where it is emitted; None:
    any JSON."""

    name: str
    _: KW_ONLY
    payload: Any = None

    def __post_init__(self) -> None:
        check_text("the name of an event", self.name)


def check_text(what: str, text: object) -> None:
    """`ConfigError` unless it is text of 1 to 512 bytes that both databases can hold."""
    if not isinstance(text, str) or not text:
        raise ConfigError(f"{what} is {text!r}", hint="give it as text")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        size = -1
    if size < 0 or "\0" in text or size > _MOST_BYTES:
        raise ConfigError(f"{what} is {text[:80]!r}, which has over {_MOST_BYTES} bytes, a NUL or a lone surrogate")
