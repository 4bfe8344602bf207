"""Names and keys that people choose, before they go into a database's index."""

from __future__ import annotations

from typing import Final

from stook.core.errors import OptionError
from stook.core.webhook_events import INTERNAL_PROJECT, INTERNAL_TASK

__all__ = ["MAX_KEY_BYTES", "check_name", "check_project", "check_task"]

MAX_KEY_BYTES: Final = 512
"""Three of them together still fit a row of PostgreSQL's indexes."""


def check_name(what: str, text: object, *, most: int = MAX_KEY_BYTES, index: int | None = None) -> None:
    """`OptionError` unless it is text of 1 to `most` bytes that both databases can hold."""
    if not isinstance(text, str):
        raise OptionError(f"{what}={text!r} is not text", index=index)
    if not text:
        raise OptionError(f"{what} is empty", index=index, hint="leave it out, or give it a name")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        size = -1
    if size < 0 or "\0" in text:
        raise OptionError(
            f"{what}={text!r} holds a character that no database keeps (NUL or a lone surrogate)", index=index
        )
    if size > most:
        raise OptionError(f"{what} has {size} bytes, at most {most} are allowed", index=index, hint="use a hash of it")


def check_project(name: object) -> None:
    """`check_name`; names that begin with `webhook/` are stook's own."""
    check_name("project", name)
    if isinstance(name, str) and name.startswith(INTERNAL_PROJECT):
        raise OptionError(f"project={name!r} begins with {INTERNAL_PROJECT!r}, as stook's own do", hint="rename it")


def check_task(name: object) -> None:
    """`check_name`; names that begin with `stook.` are stook's own."""
    check_name("task", name)
    if isinstance(name, str) and name.startswith(INTERNAL_TASK):
        raise OptionError(f"task={name!r} begins with {INTERNAL_TASK!r}, as stook's own do", hint="rename it")
