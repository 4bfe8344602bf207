"""What a server is made of; wiring puts it together."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stook.config.settings import Settings
from stook.engine.deployments import Deployments
from stook.engine.hosted_batches import HostedBatches
from stook.engine.hosted_executions import HostedExecutions
from stook.engine.keys import Keys
from stook.engine.projects import Projects
from stook.server.channel import Channels
from stook.server.held_bytes import HeldBytes
from stook.server.limits import Limits
from stook.server.pace import Paces
from stook.server.tenants import Tenants
from stook.server.upload import Uploads
from stook.server.worker_claims import WorkerClaims
from stook.telemetry.exposition import ServerFigures
from stook.telemetry.timed_store import TimedStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.config.settings import MetricsAccess
    from stook.engine.blobs import Blobs
    from stook.engine.deployments import Seal
    from stook.engine.service import Engine
    from stook.server.ports import EndpointSecrets, ItemDecoder, SourceFetcher
    from stook.store.port import Store

__all__ = ["Services"]


def _clock() -> int:
    return time.time_ns() // 1000


@dataclass
class Services:
    """`clock` (microseconds) only estimates rates. Make it, use it and close it on one loop."""

    store: Store
    blobs: Blobs
    items: ItemDecoder
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], int] = _clock
    metrics: MetricsAccess = "key"
    """Who may see the figures."""
    endpoint_secrets: EndpointSecrets = field(kw_only=True)
    seal: Seal = field(kw_only=True)
    """For what deployments keep secret."""
    sources: SourceFetcher | None = field(default=None, kw_only=True)
    """None: deployments bring their code themselves."""
    settings: Settings = field(default_factory=Settings, kw_only=True)
    """Of dialects."""

    def __post_init__(self) -> None:
        self.figures = ServerFigures()
        self.store = TimedStore(self.store, self.figures.wrote)
        self.keys = Keys(self.store)
        self.projects = Projects(self.store)
        self.tenants = Tenants(self.store, self.blobs, self.figures.workers)
        self.uploads = Uploads(self.limits.uploads)
        self.figures.http.uploads.set_function(lambda: self.uploads.running)
        self.deployments = Deployments(self.store, self.blobs, self.seal)
        self.hosted = HostedExecutions(self._engine_of)
        self.hosted_batches = HostedBatches(self._engine_of)
        self.held_bytes = HeldBytes()
        self.paces = Paces(self.clock)
        self.channels = Channels(self.store, self.limits.progress_seconds)
        self.worker_claims = WorkerClaims(self.store, self.blobs, self.figures.http.gave)

    def _engine_of(self, project: str) -> Engine:
        return self.tenants.of(project).engine

    async def close(self) -> None:
        self.channels.stop()
        self.uploads.close()
        await self.worker_claims.close()
        await self.tenants.close()
        await self.keys.close()
