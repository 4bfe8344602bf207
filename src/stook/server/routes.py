"""Every route there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.server import (
    acts,
    batches,
    events,
    executions,
    follow,
    health,
    keys,
    openapi,
    projects,
    receive,
    results,
    worker_protocol,
)

if TYPE_CHECKING:
    from stook.server.route import Route

__all__ = ["ROUTES"]

_CALLS: Final[list[Route]] = [
    *receive.ROUTES,
    *batches.ROUTES,
    *acts.ROUTES,
    *executions.ROUTES,
    *events.ROUTES,
    *results.ROUTES,
    *follow.ROUTES,
    *keys.ROUTES,
    *projects.ROUTES,
    *worker_protocol.ROUTES,
    *health.ROUTES,
]
ROUTES: Final[list[Route]] = [*_CALLS, openapi.route_of(_CALLS)]
