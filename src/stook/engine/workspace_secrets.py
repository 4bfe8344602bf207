"""Secrets with which workflows sign what they send, one for a project: encrypted while they rest."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from stook.core.errors import StoreError
from stook.store.script.workspace_secret import drop_workspace_secret, put_workspace_secret, read_workspace_secret

if TYPE_CHECKING:
    from stook.engine.deployment_env import Seal
    from stook.store.port import Store
    from stook.store.script.workspace_secret import WorkspaceSecret

__all__ = ["FRESH", "WorkspaceSecrets"]

_AGAIN: Final = 0.5
log = logging.getLogger("stook.engine")
FRESH: Final = 2.0
"""Seconds for which who asks again is told what was read before."""


class WorkspaceSecrets:
    """On one loop."""

    def __init__(self, store: Store, seal: Seal) -> None:
        self._store = store
        self._seal = seal
        self._known: dict[str, tuple[float, str | None]] = {}
        self._looking = asyncio.Lock()

    async def put(self, project: str, secret: str, after: float) -> WorkspaceSecret:
        """It counts `after` seconds from now. Durable on return."""
        sealed = await asyncio.to_thread(self._seal.seal, secret.encode())
        return await self._store.write(put_workspace_secret, project, sealed, round(after * 1_000_000))

    async def drop(self, project: str) -> None:
        await self._store.write(drop_workspace_secret, project)

    async def show(self, project: str) -> WorkspaceSecret | None:
        return await self._store.read(read_workspace_secret, project)

    async def current(self, project: str) -> str | None:
        """What counts now, or did `FRESH` seconds ago; while the store cannot be asked, what it said last.
        `SecretUnreadable`."""
        async with self._looking:
            known = self._known.get(project)
            while known is None or time.monotonic() - known[0] >= FRESH:
                try:
                    found = await self._store.read(read_workspace_secret, project)
                except StoreError as error:
                    log.warning("the secret of project %s waits for the store: %s", project, error)
                    if known is not None:
                        break
                    await asyncio.sleep(_AGAIN)
                    continue
                sealed = None if found is None else found.current
                secret = None if sealed is None else (await asyncio.to_thread(self._seal.open, sealed)).decode()
                known = self._known[project] = (time.monotonic(), secret)
            return known[1]
