"""A route, with all that the document of the API says about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import msgspec
    from starlette.responses import Response

    from stook.server.call import Call
    from stook.wire.key import Scope

__all__ = ["Handler", "Route"]

Handler = Callable[["Call"], Awaitable["Response"]]


@dataclass(frozen=True, kw_only=True)
class Route:
    """`scope` None: anybody. `answers` are (status, shape or media type); `sends` are media types of a body that is
    more than `body`."""

    method: str
    path: str
    name: str
    scope: Scope | None
    handler: Handler
    summary: str
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    sends: tuple[str, ...] = ()
    answers: tuple[tuple[int, type[msgspec.Struct] | str | None], ...] = ((200, None),)
    headers: tuple[str, ...] = ()
    """Of the request, where they mean something."""
    once: bool = False
    """With an Idempotency-Key the answer is kept and given again."""
    large: bool = False
    """The body holds payloads."""
    query_of_streams: bool = False
    """The query is for streamed bodies alone."""
