"""A server on an open store."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import ipaddress
import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from stook.core.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stook.config.settings import Settings
    from stook.server.ports import SourceFetcher
    from stook.wiring.session import Session
    from stook.worker.meter import Meter

__all__ = ["Served", "check_server_installed", "serving"]

log = logging.getLogger("stook.server")
_NEEDED: Final = ("starlette", "uvicorn", "httptools", "zstandard", "prometheus_client", "httpx", "cryptography")


class Served(NamedTuple):
    url: str
    key: str | None
    """The secret of the first admin key, where it was made now or chosen beforehand."""
    is_new: bool
    meter: Meter
    """For workers of this process: what they do is told with what the server does."""


@contextlib.asynccontextmanager
async def serving(session: Session, *, host: str, port: int, grace: float, key: str | None) -> AsyncIterator[Served]:
    """Answers on `host` and `port` (0: any that is free) while the context is open; on leaving, requests under way may
    end for `grace` seconds, as may deliveries to webhooks, and followers are told to come back. `key` presets the first
    admin key."""
    check_server_installed()
    from stook.server.lifecycle import Server  # noqa: PLC0415 - its libraries are an extra
    from stook.server.services import Services  # noqa: PLC0415
    from stook.wiring.body_items import BodyItems  # noqa: PLC0415
    from stook.wiring.endpoint_secrets import EndpointSecretsOf  # noqa: PLC0415
    from stook.wiring.webhooks import Delivery, sealer_of  # noqa: PLC0415

    delivery = Delivery(session, grace=grace)
    services = Services(
        session.store,
        session.engine.blobs,
        BodyItems(),
        metrics=session.settings.metrics,
        endpoint_secrets=EndpointSecretsOf(session.settings, session.store),
        seal=sealer_of(session.settings, session.store),
        sources=_sources(session.settings),
        settings=session.settings,
    )
    session.counted_by(services.figures.workers)
    server = Server(services, host=host, port=port, grace=grace)
    try:
        made = await services.keys.ensure_first(key)
        known = made
        if made is None and key is not None:
            if await services.keys.find(key) is None:
                log.warning("STOOK_KEY is no valid key of this store, which has had its first one already")
            else:
                known = key
        url = await server.start()
        if not _is_loopback(host):
            log.warning("whoever reaches this machine can reach %s; keys and data travel in clear without TLS", url)
        delivery.start()
        yield Served(url, known, made is not None, services.figures.workers)
    finally:
        await asyncio.gather(server.stop(), delivery.stop())


def _sources(settings: Settings) -> SourceFetcher | None:
    """None: switched off."""
    from stook.hosting.github_source import GithubSources  # noqa: PLC0415 - its library is an extra

    return GithubSources(settings.github_url, settings.upload_bytes) if settings.github_sources else None


def check_server_installed() -> None:
    """`MissingExtra` names what is not there."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"a server needs {', '.join(missing)}, not installed here", hint="pip install 'stook[server]'"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
