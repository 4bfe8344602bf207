"""Kernel's HTTP API: apps, deployments, invocations and batch jobs, as its released clients speak it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.server.dialect import Dialect
from stook.server.dialects.kernel import (
    absent,
    apps,
    batch_jobs,
    create_batch,
    deployments,
    invocations,
    invoke,
    limits,
)
from stook.server.dialects.kernel.manners import KernelManners

if TYPE_CHECKING:
    from stook.server.route import Route

__all__ = ["DIALECT", "ROUTES"]

ROUTES: Final[list[Route]] = [
    *apps.ROUTES,
    *deployments.ROUTES,
    *create_batch.ROUTES,
    *invoke.ROUTES,
    *invocations.ROUTES,
    *batch_jobs.ROUTES,
    *limits.ROUTES,
    *absent.ROUTES,
]
DIALECT: Final = Dialect(name="kernel", routes=ROUTES, manners=KernelManners())
