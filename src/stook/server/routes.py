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
    live_limits,
    logs,
    metrics,
    openapi,
    projects,
    receive,
    results,
    webhook_deliveries,
    webhook_endpoints,
    worker_protocol,
)

if TYPE_CHECKING:
    from stook.server.route import Route

__all__ = ["ROUTES"]

_CALLS: Final[list[Route]] = [
    *receive.ROUTES,
    *batches.ROUTES,
    *acts.ROUTES,
    *live_limits.ROUTES,
    *executions.ROUTES,
    *logs.ROUTES,
    *events.ROUTES,
    *results.ROUTES,
    *follow.ROUTES,
    *keys.ROUTES,
    *projects.ROUTES,
    *webhook_endpoints.ROUTES,
    *webhook_deliveries.ROUTES,
    *worker_protocol.ROUTES,
    *health.ROUTES,
    *metrics.ROUTES,
]
ROUTES: Final[list[Route]] = [*_CALLS, openapi.route_of(_CALLS)]
