"""Vellum's HTTP API: workflows run, followed, pushed and released, as its released client speaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.server.dialect import Dialect
from stook.server.dialects.vellum import (
    actuals,
    batches,
    deployments,
    detail,
    event_stream,
    executing,
    execution_page,
    history,
    identity,
    ingesting,
    kept_state,
    listing,
    pages,
    pull,
    push,
    result_stream,
    signing,
    status,
    tags,
    unsupported,
    webhooks,
)
from stook.server.dialects.vellum.manners import VellumManners

if TYPE_CHECKING:
    from stook.server.route import Route

__all__ = ["DIALECT"]

ROUTES: Final[list[Route]] = [
    *executing.ROUTES,
    *result_stream.ROUTES,
    *event_stream.ROUTES,
    *batches.ROUTES,
    *status.ROUTES,
    *detail.ROUTES,
    *listing.ROUTES,
    *deployments.ROUTES,
    *tags.ROUTES,
    *history.ROUTES,
    *push.ROUTES,
    *pull.ROUTES,
    *kept_state.ROUTES,
    *actuals.ROUTES,
    *ingesting.ROUTES,
    *identity.ROUTES,
    *signing.ROUTES,
    *webhooks.ROUTES,
    *execution_page.ROUTES,
    *pages.ROUTES,
    *unsupported.ROUTES,
]
DIALECT: Final = Dialect(name="vellum", routes=ROUTES, manners=VellumManners())
