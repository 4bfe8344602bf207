"""Every route there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.server import (
    acts,
    batches,
    deploy,
    deployments,
    events,
    executions,
    follow,
    health,
    invocations,
    invoked,
    keys,
    live_limits,
    logs,
    metrics,
    openapi,
    projects,
    receive,
    results,
    triggers,
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
    *triggers.ROUTES,
    *executions.ROUTES,
    *invocations.ROUTES,
    *invoked.ROUTES,
    *logs.ROUTES,
    *events.ROUTES,
    *results.ROUTES,
    *follow.ROUTES,
    *keys.ROUTES,
    *projects.ROUTES,
    *webhook_endpoints.ROUTES,
    *webhook_deliveries.ROUTES,
    *deploy.ROUTES,
    *deployments.ROUTES,
    *worker_protocol.ROUTES,
    *health.ROUTES,
    *metrics.ROUTES,
]
ROUTES: Final[list[Route]] = [*_CALLS, openapi.route_of(_CALLS)]
