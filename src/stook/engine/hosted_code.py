"""Deployments of all projects, as those see them who build and serve them."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any, Final

from stook.core.deployment import BuildOrder, Hosted
from stook.core.errors import NotFound, SecretUnreadable
from stook.engine import process
from stook.engine.catalogue import SEEN
from stook.engine.deployment_archive import Archives, Stored
from stook.engine.deployment_env import open_env
from stook.engine.deployment_text import kept_text
from stook.engine.deployment_upkeep import tidy_deployments
from stook.engine.workspace_secrets import WorkspaceSecrets
from stook.store.script.deployment_build import builders, fail_build, release_build, renew_build, take_build
from stook.store.script.deployment_log import NewLine, write_log
from stook.store.script.deployment_publish import publish
from stook.store.script.deployment_row import read_deployments
from stook.store.script.read.deployments import served

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from stook.core.deployment import App, Deployment
    from stook.engine.blobs import Blobs
    from stook.engine.deployment_env import Seal
    from stook.store.port import Store

__all__ = ["MOST_LINE_BYTES", "HostedCode"]

MOST_LINE_BYTES: Final = 65_536

log = logging.getLogger("stook.engine")


class HostedCode:
    def __init__(self, store: Store, blobs: Blobs, seal: Seal) -> None:
        self._store = store
        self._blobs = blobs
        self._archives = Archives(store, blobs)
        self._seal = seal
        self.secrets = WorkspaceSecrets(store, seal)
        """With which workflows sign."""
        self._unreadable: set[str] = set()

    async def take_build(self, host: str, lease_seconds: float = 30.0) -> BuildOrder | None:
        """The oldest that waits to be built, or whose host was not heard of in time; None: there is nothing to do now.
        New ones ring the topic `deployments`. The third host that is lost is the last: then it has failed."""
        mark = f"{host} {process.process()} {process.host()}"
        while True:
            token = secrets.randbits(62) + 1
            taken = await self._store.write(take_build, mark, token, round(lease_seconds * 1_000_000))
            if taken is None:
                return None
            try:
                return BuildOrder(taken.deployment, token, open_env(taken.env, self._seal))
            except SecretUnreadable as error:
                await self.fail_build(token, str(error))

    async def renew_build(self, token: int, lease_seconds: float = 30.0) -> bool:
        """From now on. False: somebody else builds it, or nobody any more: stop."""
        return await self._store.write(renew_build, token, round(lease_seconds * 1_000_000))

    async def release_build(self, token: int) -> bool:
        """Another host may begin it at once. False: the token is not valid any more."""
        return await self._store.write(release_build, token)

    async def bury_builders(self) -> int:
        """What a process of this machine was building that is gone may be taken at once; returns how much that was."""
        here, lost = process.host(), 0
        for token, host in await self._store.read(builders):
            _, _, mark = host.partition(" ")
            alive, _, where = mark.partition(" ")
            if where == here and not process.is_alive(alive):
                lost += await self._store.write(renew_build, token, 0)
        return lost

    async def copy_archive(self, deployment: Deployment, to: Path) -> None:
        """The file is there whole, or not at all. `NotFound` where it is not kept any more, `StoreError` where it is
        damaged."""
        row = (await self._store.read(read_deployments, [deployment.id])).get(deployment.id)
        if row is None or not row.kept:
            raise NotFound(f"the archive of deployment {deployment.id} is not kept any more", hint="deploy it again")
        await self._archives.copy(row.id, Stored(row.archive_sum, row.archive_bytes), to)

    async def write_log(
        self, deployment_id: str, lines: Sequence[str], *, execution_id: str | None = None, at: int | None = None
    ) -> None:
        """Lines of the build, or of an execution, durable on return. Longer ones than 64 KiB are cut, and of too many
        the oldest go. `at` in microseconds; None: now."""
        told = [NewLine(kept_text(line, MOST_LINE_BYTES), execution_id, at) for line in lines]
        if told:
            await self._store.write(write_log, deployment_id, told)

    async def publish(
        self, token: int, apps: Sequence[App], *, facts: Mapping[str, Any] | None = None
    ) -> Deployment | None:
        """It runs, or says why not: what it holds is registered, labels have moved, what has lost its last label has
        stopped, all at once. None: the token is not valid any more, and nothing was done. Else it is `running`;
        `stopped` where it was only to be built; or `failed`, with its reason. `facts` are added to its own."""
        return await self._store.write(publish, token, apps, facts or {}, SEEN)

    async def fail_build(self, token: int, reason: str) -> bool:
        """False: the token is not valid any more."""
        return await self._store.write(fail_build, token, kept_text(reason, MOST_LINE_BYTES) or "it could not be built")

    async def hosted(self) -> list[Hosted]:
        """All that must be served: it runs, or something submitted to it is unfinished. Changes ring the topic
        `deployments`. One whose environment cannot be opened here is left out, and said in the log."""
        found = []
        for one in await self._store.read(served):
            try:
                found.append(Hosted(one.deployment, open_env(one.env, self._seal), one.unfinished))
            except SecretUnreadable as error:
                if one.deployment.id not in self._unreadable:
                    self._unreadable.add(one.deployment.id)
                    log.warning("deployment %s cannot be served here: %s", one.deployment.id, error)
        return found

    async def upkeep(self) -> int:
        """As `tidy_deployments`."""
        return await tidy_deployments(self._store, self._blobs)
