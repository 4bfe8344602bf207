"""One call of the API as a value: what to send, and how to read what comes back. Nothing here speaks to anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Answer", "Body", "Request"]

T = TypeVar("T")

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
