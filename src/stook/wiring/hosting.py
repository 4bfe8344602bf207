"""A host beside whatever else this process does, on an open store."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stook.config.settings import log_limits, uids_of
from stook.core.errors import ConfigError, MissingExtra
from stook.core.hosted import key_name
from stook.core.log import LogLimits
from stook.engine import process
from stook.engine.blobs import Blobs
from stook.engine.hosted_code import HostedCode
from stook.engine.hosted_events import HostedEvents
from stook.engine.keys import Keys
from stook.engine.source import LocalSource
from stook.hosting.host import Host
from stook.hosting.run_log import MOST_LINE
from stook.hosting.site import HostedKey, HostOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from contextlib import AbstractAsyncContextManager

    from stook.config.settings import Settings
    from stook.core.deployment import Deployment
    from stook.engine.deployments import Seal
    from stook.wiring.session import Session
    from stook.worker.meter import Meter
    from stook.worker.runtime import WorkerRuntime

__all__ = ["SCOPES", "hosting", "options_of"]

SCOPES: Final = ("read", "submit", "operate")
"""What the key allows that hosted code is given."""
_SERVED: Final = "http://127.0.0.1:8484"
_SHARED: Final = Path("/var/lib/stook/hosting")


@contextlib.asynccontextmanager
async def hosting(
    session: Session, *, grace: float, url: str | None = None, meter: Meter | None = None
) -> AsyncIterator[Host]:
    """Deployments of the session's store are built and served while the context is open. `url`: of the server that this
    process is, where `STOOK_HOSTING_URL` does not name another; on leaving, what runs may end for `grace` seconds."""
    settings = session.settings
    store = session.store
    host = Host(
        store,
        HostedCode(store, session.engine.blobs, _seal_of(session)),
        HostedEvents(store),
        name=f"host-{process.process().split(':')[0]}-{secrets.token_hex(4)}",
        site=_Site(session, meter),
        options=options_of(settings, url),
    )
    async with session.maintained():
        await host.start()
        try:
            yield host
        finally:
            await host.stop(grace)


def options_of(settings: Settings, url: str | None) -> HostOptions:
    """`ConfigError` for what cannot be here."""
    uids = uids_of(settings)
    if uids and os.geteuid() != 0:
        raise ConfigError(
            "STOOK_HOSTING_UIDS is for hosts that run as root", hint="unset it, or start the host as root"
        )
    return HostOptions(
        folder=_folder_of(settings, shared=bool(uids)),
        url=(settings.hosting_url or url or _SERVED).rstrip("/"),
        replicas=settings.hosting_replicas,
        total=settings.hosting_total,
        idle=settings.hosting_idle_seconds,
        most_runs=settings.hosting_runs,
        memory=settings.hosting_memory_mb * 2**20,
        tasks=settings.hosting_processes,
        grace=settings.hosting_kill_seconds,
        load=settings.hosting_load_seconds,
        build=settings.hosting_build_seconds,
        result=settings.kernel_result_bytes,
        wheels=Path(settings.hosting_wheels).resolve() if settings.hosting_wheels else None,
        no_index=settings.hosting_no_index,
        uids=uids,
        lease=settings.lease_seconds,
    )


class _Site:
    """Implements `stook.hosting.site.Site`."""

    def __init__(self, session: Session, meter: Meter | None) -> None:
        settings = session.settings
        self.meter = meter
        limits = log_limits(settings)
        self.logs = LogLimits(limits.lines, limits.bytes, max(limits.line_bytes, MOST_LINE), limits.level)
        self._session = session
        blobs = session.engine.blobs
        self._blobs = Blobs(blobs.store, inline=blobs.inline, most=max(blobs.most, settings.kernel_result_bytes))
        self._keys = Keys(session.store)

    def new_source(self) -> LocalSource:
        return LocalSource(self._session.store, self._blobs, still=self._session.clock is not None)

    def running(
        self, runtime: WorkerRuntime, name: str, tasks: Collection[str], *, grace: float
    ) -> AbstractAsyncContextManager[None]:
        return self._session.running(runtime, name, tasks, grace=grace)

    async def new_key(self, deployment: Deployment) -> HostedKey:
        view, secret = await self._keys.create(
            deployment.project, key_name(deployment.id, self._session.presence.program.id), SCOPES
        )
        return HostedKey(deployment.project, view.id, secret)

    async def drop_key(self, key: HostedKey) -> None:
        await self._keys.revoke(key.project, key.id)


def _seal_of(session: Session) -> Seal:
    try:
        from stook.wiring.webhooks import sealer_of  # noqa: PLC0415 - its library is an extra
    except ModuleNotFoundError as error:
        if error.name not in ("cryptography", "httpx", "httpcore"):
            raise
        raise MissingExtra(f"hosting needs {error.name}", hint="pip install 'stook[server]'") from None
    return sealer_of(session.settings, session.store)


def _folder_of(settings: Settings, *, shared: bool) -> Path:
    """Where other users must be able to read it, no home will do."""
    if settings.hosting_folder:
        return Path(settings.hosting_folder).resolve()
    if shared:
        return _SHARED
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "stook" / "hosting"
