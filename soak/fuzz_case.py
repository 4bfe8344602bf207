"""One bad request, and all that its judge has to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

from soak.raw_http import request

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

__all__ = ["HANG", "JSON", "LINES", "Case", "World", "call", "query_text"]

HANG: Final = 10.0
"""Seconds within which everything must be answered."""
JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"


@dataclass(kw_only=True)
class Case:
    """`ends`: after what is sent the answer is read (`whole`), is read with our half of the connection closed (`half`),
    or the connection is cut at once (`cut`)."""

    what: str
    data: bytes
    ends: Literal["whole", "half", "cut"] = "whole"
    patience: float = HANG
    streams: bool = False
    """A right answer has no end: only its head is waited for."""
    creates: str | None = None
    """The name of the batch that it would make."""


@dataclass
class World:
    """What there is on the server that bad requests can be about."""

    keys: Mapping[str, str]
    """Secrets by what they may do: admin, read, submit, operate, worker, foreign (the admin of another project)."""
    document: Mapping[str, Any]
    ids: Mapping[str, Sequence[str]]
    """By the name of the path's parameter."""
    cursors: Sequence[str]
    task: str = "t"
    serial: int = 0
    known: dict[str, Sequence[Any]] = field(default_factory=dict)
    """By the name of a field: values that mean something."""

    def name(self) -> str:
        """For a batch that nobody else makes."""
        self.serial += 1
        return f"fuzz-{self.serial}"

    def secret(self, dice: random.Random) -> str:
        role = dice.choices([*self.keys], [12 if role == "admin" else 1 for role in self.keys])[0]
        return self.keys[role]


def query_text(words: Sequence[tuple[str, str | bytes]]) -> str:
    """Percent-encoded, halves of surrogate pairs as the three bytes they would be."""
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in words)


def _encoded(text: str | bytes) -> str:
    return quote(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"), safe="")


def call(
    what: str,
    method: str,
    target: str,
    secret: str | None,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Case:
    """`headers` go as they are, in latin-1."""
    given = {} if secret is None else {"authorization": f"Bearer {secret}"}
    return Case(what=what, data=request(method, target, given | dict(headers or {}), body), **more)
