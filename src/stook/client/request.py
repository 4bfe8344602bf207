"""One call of the API as a value: what to send, and how to read what comes back. Nothing here speaks to anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

__all__ = ["JSON", "UPLOAD", "Answer", "Body", "Request", "headers_of", "query_of"]

T = TypeVar("T")
JSON: Final = "application/json"
UPLOAD: Final = 600.0
"""Seconds for what a server does with a long body once it has all of it."""

Body = Callable[[], Iterator[bytes]]
"""Makes the body anew each time it is sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[T]):
    """`path` stands behind /api/v1. `repeatable`: sending it twice is as good as once. `seconds`: how long the server
    may think, beyond what any answer takes."""

    method: str
    path: str
    read: Callable[[Answer], T]
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | Body | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    repeatable: bool = True
    seconds: float = 0.0


def headers_of(key: str | None, media_type: str | None = None, **others: str) -> tuple[tuple[bytes, bytes], ...]:
    given = {"content-type": media_type, "idempotency-key": key, **others}
    return tuple((name.encode(), value.encode()) for name, value in given.items() if value is not None)


def query_of(given: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """What is None is left out."""
    return tuple((name, _word(value)) for name, value in given.items() if value is not None)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    return str(value)
