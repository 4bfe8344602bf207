"""What is known of a request when it is over: counted, and said in one line.

Nothing that a client sent goes into it but the id of the request and ids of batches and executions: neither path nor
query nor header, which may hold secrets.
"""

from __future__ import annotations

import contextlib
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from stook.core.errors import NotFound
from stook.core.ids import parse_id
from stook.server.manners import Manners
from stook.server.sse import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.responses import Response
    from starlette.types import Message, Scope

    from stook.engine.keys import KeyView
    from stook.server.refusal import Refusal
    from stook.telemetry.http_figures import HttpFigures

__all__ = ["Trail", "trail_of", "under_way"]

log = logging.getLogger("stook.access")
_TRAIL: Final = "stook.trail"
_NATIVE: Final = Manners()
_OFTEN: Final = frozenset(
    {
        *("/healthz", "/readyz", "/metrics"),
        *("/api/v1/worker/claim", "/api/v1/worker/wait", "/api/v1/worker/renew", "/api/v1/worker/seen"),
        "/api/v1/worker/settle",
    }
)
"""Asked by machines all the time: said at level DEBUG as long as it goes well."""
_REFUSED: Final = 400


class Trail:
    """Filled in on the way through. `route` is a template, never what was asked for."""

    __slots__ = (
        "_figures",
        "_method",
        "began",
        "begun_at",
        "following",
        "key",
        "refused",
        "refused_by",
        "request_id",
        "route",
        "status",
    )

    def __init__(self, request_id: str, method: str, figures: HttpFigures) -> None:
        self._figures = figures
        self._method = method
        self.request_id = request_id
        self.route = "(none)"
        self.status = 0
        self.refused: str | None = None
        self.refused_by: Callable[[Refusal], Response] = _NATIVE.refused
        """The words in which it is said."""
        self.key: KeyView | None = None
        self.began = perf_counter()
        self.begun_at: float | None = None
        self.following = False

    def answering(self, message: Message) -> None:
        """The answer begins."""
        self.status = message["status"]
        self.begun_at = perf_counter()
        self._figures.answered(self.route, self._method, self.status, self.begun_at - self.began, self.refused)
        self.following = any(
            name == b"content-type" and value.startswith(MEDIA_TYPE.encode()) for name, value in message["headers"]
        )
        if self.following:
            self._figures.followers.inc()


def trail_of(scope: Scope) -> Trail:
    found: Trail = scope[_TRAIL]
    return found


@contextlib.contextmanager
def under_way(scope: Scope, request_id: str, figures: HttpFigures) -> Iterator[Trail]:
    trail = scope[_TRAIL] = Trail(request_id, scope["method"], figures)
    figures.in_flight.inc()
    try:
        yield trail
    finally:
        figures.in_flight.dec()
        if trail.following:
            figures.followers.dec()
        if trail.begun_at is not None:
            _say(scope, trail)


def _say(scope: Scope, trail: Trail) -> None:
    level = logging.DEBUG if trail.route in _OFTEN and trail.status < _REFUSED else logging.INFO
    if not log.isEnabledFor(level):
        return
    took = perf_counter() - trail.began
    fields: dict[str, Any] = {
        "request_id": trail.request_id,
        "method": scope["method"],
        "route": trail.route,
        "status": trail.status,
        "duration": round(took, 6),
        **_ids(scope),
    }
    if trail.refused is not None:
        fields["code"] = trail.refused
    if trail.key is not None:
        fields |= {"project": trail.key.project, "key": trail.key.id}
    log.log(level, "%s %s %d in %.3f s", scope["method"], trail.route, trail.status, took, extra=fields)


def _ids(scope: Scope) -> dict[str, str]:
    """Those that are some."""
    made = {}
    for name in ("batch", "execution"):
        text = scope.get("path_params", {}).get(name)
        if text is not None:
            with contextlib.suppress(NotFound):
                parse_id(text)
                made[name] = text
    return made
