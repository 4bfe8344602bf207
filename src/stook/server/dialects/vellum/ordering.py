"""`ordering`: names, comma-joined, a minus sign before those that count down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from stook.server.dialects.vellum.refused import bad

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["in_order", "read_ordering"]

T = TypeVar("T")


def read_ordering(text: str | None, known: Iterable[str], usual: str) -> list[tuple[str, bool]]:
    """(name, downwards). 400 for a name that is not `known`."""
    allowed = list(known)
    found = []
    for part in (text or usual).split(","):
        name = part.strip().removeprefix("-")
        if name not in allowed:
            raise bad(f"ordering={text!r}: there is no {name!r}; known are {', '.join(allowed)}, each also with '-'")
        found.append((name, part.strip().startswith("-")))
    return found


def in_order(
    rows: Iterable[T], ordering: Iterable[tuple[str, bool]], keys: Mapping[str, Callable[[T], Any]]
) -> list[T]:
    ordered = list(rows)
    for name, down in reversed(list(ordering)):
        ordered.sort(key=keys[name], reverse=down)
    return ordered
