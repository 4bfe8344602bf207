"""What a host is told by whoever starts it: where it works, and what it may use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import AbstractAsyncContextManager

    from stook.core.deployment import Deployment
    from stook.core.log import LogLimits
    from stook.worker.meter import Meter
    from stook.worker.runtime import WorkerRuntime
    from stook.worker.source import Source

__all__ = ["HostOptions", "HostedKey", "Site"]


class HostedKey(msgspec.Struct, frozen=True):
    project: str
    id: str
    secret: str

    def __repr__(self) -> str:
        return f"<HostedKey {self.id}>"


class HostOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds and bytes everywhere. `url` is the server's, as hosted code reaches it, None: it reaches none. `uids`:
    users that deployments run as, each as its own; empty: as the host's. `replicas` of one deployment at most, `total`
    of all."""

    folder: Path
    url: str | None = None
    replicas: int = 8
    total: int = 32
    idle: float = 60.0
    most_runs: int = 100_000
    memory: int = 1024 * 2**20
    tasks: int = 512
    grace: float = 5.0
    load: float = 60.0
    build: float = 600.0
    builds: int = 2
    result: int = 4_500_000
    wheels: Path | None = None
    no_index: bool = False
    uids: range = range(0)
    lease: float = 60.0


class Site(Protocol):
    """Where a host works: the rest of stook, as far as it needs it."""

    meter: Meter | None
    logs: LogLimits

    def new_source(self) -> Source:
        """For one worker."""
        ...

    def running(
        self, runtime: WorkerRuntime, name: str, tasks: Collection[str], *, grace: float
    ) -> AbstractAsyncContextManager[None]:
        """The worker runs, and is seen to, while the context is open."""
        ...

    async def new_key(self, deployment: Deployment) -> HostedKey:
        """A fresh API key for the code of a deployment."""
        ...

    async def drop_key(self, key: HostedKey) -> None:
        """It opens nothing any more."""
        ...
