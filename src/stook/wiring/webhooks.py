"""The webhooks of a server: what seals their secrets, what they may call, the deliverer and keeper that run in it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stook.core.errors import StoreError
from stook.core.webhook_events import TASK
from stook.engine import process
from stook.engine.deliveries import Deliveries
from stook.webhooks.address_guard import AddressGuard
from stook.webhooks.deliverer import SLOTS, Deliverer
from stook.webhooks.keeper import Keeper
from stook.webhooks.sealer import sealer_for
from stook.webhooks.sender import Sender
from stook.worker.backoff import pause_after
from stook.worker.runtime import WorkerRuntime

if TYPE_CHECKING:
    from stook.config.settings import Settings
    from stook.store.port import Store
    from stook.webhooks.sealer import Sealer
    from stook.wiring.session import Session

__all__ = ["Delivery", "guard_of", "sealer_of"]

log = logging.getLogger("stook.webhooks")
_LOOK: Final = 0.5
"""Seconds between two looks whether the worker can go on."""


def guard_of(settings: Settings) -> AddressGuard:
    allowed = tuple(map(ip_network, settings.webhook_allowed_cidrs))
    return AddressGuard(settings.webhook_allow_private, allowed, frozenset(settings.webhook_ports))


def sealer_of(settings: Settings, store: Store) -> Sealer:
    """By `STOOK_ENCRYPTION_KEY`, else by the key file beside an embedded store. `ConfigError` for what is no key."""
    return sealer_for(settings.encryption_key, _key_file(store.url))


def _key_file(url: str) -> Path | None:
    from stook.store.sqlite.driver import path_of  # noqa: PLC0415 - one driver is loaded, not both

    if url.lower().startswith(("postgresql:", "postgres:")):
        return None
    path = Path(path_of(url))
    return path.with_name(f"{path.name}.key")


class Delivery:
    """Delivers for all projects of the store, from `start` to `stop`; then attempts under way may end for `grace`
    seconds. A worker that cannot go on is replaced: the server answers meanwhile."""

    def __init__(self, session: Session, *, grace: float, slots: int = SLOTS) -> None:
        self._session = session
        self._grace = grace
        self._slots = slots
        deliveries = Deliveries(session.store, schedule=session.settings.webhook_schedule)
        self._sender = Sender(guard_of(session.settings))
        deliverer = Deliverer(deliveries, sealer_of(session.settings, session.store), self._sender)
        self._tasks = {TASK: deliverer.definition()}
        self._keeper = Keeper(session.store, deliveries)
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._keeper.start()
        self._task = asyncio.create_task(self._run(), name="stook-webhooks")

    async def stop(self) -> None:
        self._stopping.set()
        await self._keeper.stop()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await self._sender.close()

    async def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            worker = f"{process.process().split(':')[0]}-webhooks-{secrets.token_hex(4)}"
            runtime = self._runtime(worker)
            failure: BaseException | None = None
            try:
                async with self._session.running(runtime, worker, self._tasks, grace=self._grace):
                    while runtime.failure is None and not await self._stops_within(_LOOK):
                        pass
                failure = runtime.failure
            except StoreError as error:
                failure = error
            if failure is not None:
                failures += 1
                log.error("webhooks are not delivered now, trying again: %s", failure)
                await self._stops_within(pause_after(failures))

    def _runtime(self, worker: str) -> WorkerRuntime:
        return WorkerRuntime(
            self._session.new_source(),
            self._tasks,
            name=worker,
            concurrency=self._slots,
            lease=self._session.settings.lease_seconds,
            grace=self._grace,
        )

    async def _stops_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()
