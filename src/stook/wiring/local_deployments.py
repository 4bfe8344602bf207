"""Deployments of a store in this process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from stook.core.deployment import Deployment, check_runtime
from stook.core.errors import MissingExtra
from stook.engine.deployments import Deployments, no_such_deployment
from stook.hosting.archive import check_archive, runtime_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

    from stook.core.deployment import AppVersion, DeploymentLogLine, Page
    from stook.engine.deployments import Seal
    from stook.wire.deployment import AppVersionQuery, DeploymentQuery, DeployQuery
    from stook.wiring.session import Session

__all__ = ["LocalDeployments"]


class LocalDeployments:
    """Of the session's project. Implements `stook.client.deployment_backend.DeploymentBackend`; hosts build and run."""

    def __init__(self, session: Session) -> None:
        self._project = session.settings.project
        self._inner = Deployments(session.store, session.engine.blobs, _Seal(session))

    async def deploy(self, archive: Path, words: DeployQuery, env: Mapping[str, str]) -> Deployment:
        await asyncio.to_thread(check_archive, archive, entrypoint=words.entrypoint)
        runtime = runtime_of(words.entrypoint)
        check_runtime(words.dialect, runtime, words.entrypoint)
        return await self._inner.create(
            self._project,
            dialect=words.dialect,
            runtime=runtime,
            label=words.label,
            force=words.force,
            entrypoint=words.entrypoint,
            archive=archive,
            env=env,
            deployment_id=words.id,
        )

    async def deployments(self, query: DeploymentQuery) -> Page[Deployment]:
        return await self._inner.list(
            self._project,
            dialect=query.dialect,
            app=query.app,
            label=query.label,
            query=query.query,
            limit=query.limit,
            offset=query.offset,
        )

    async def deployment(self, deployment_id: str) -> Deployment:
        found = await self._inner.get(self._project, deployment_id)
        if found is None:
            raise no_such_deployment(deployment_id)
        return found

    async def delete(self, deployment_id: str) -> None:
        await self.deployment(deployment_id)
        await self._inner.delete(self._project, deployment_id)

    async def apps(self, query: AppVersionQuery) -> Page[AppVersion]:
        return await self._inner.versions(
            self._project,
            dialect=query.dialect,
            app=query.app,
            label=query.label,
            query=query.query,
            deployment_id=query.deployment,
            limit=query.limit,
            offset=query.offset,
        )

    async def log(self, deployment_id: str, after: int, since: int | None, most: int) -> list[DeploymentLogLine]:
        return await self._inner.log(self._project, deployment_id, after=after, since=since, most=most)

    async def follow(
        self, deployment_id: str, after: int, since: int | None
    ) -> AsyncGenerator[list[Deployment | DeploymentLogLine]]:
        async for news in self._inner.follow(self._project, deployment_id, after=after, since=since):
            if isinstance(news, Deployment):
                yield [news]
            elif news is not None:
                yield [*news]


class _Seal:
    """Looked for when there is something to seal: its library is an extra."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def seal(self, secret: bytes) -> bytes:
        return self._sealer().seal(secret)

    def open(self, sealed: bytes) -> bytes:
        return self._sealer().open(sealed)

    def _sealer(self) -> Seal:
        try:
            from stook.wiring.webhooks import sealer_of  # noqa: PLC0415 - see above
        except ModuleNotFoundError as error:
            if error.name not in ("cryptography", "httpx", "httpcore"):
                raise
            raise MissingExtra(
                f"to seal an environment needs {error.name}", hint="pip install 'stook[server]'"
            ) from None
        return sealer_of(self._session.settings, self._session.store)
