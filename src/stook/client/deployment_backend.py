"""What calls about deployments need of whoever keeps them: a server far away, or the store in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

    from stook.core.deployment import AppVersion, Deployment, DeploymentLogLine, Page
    from stook.wire.deployment import AppVersionQuery, DeploymentQuery, DeployQuery

__all__ = ["DeploymentBackend"]


class DeploymentBackend(Protocol):
    """As `stook.engine.deployments.Deployments` documents each. `NotFound` for an id that there is not."""

    async def deploy(self, archive: Path, words: DeployQuery, env: Mapping[str, str]) -> Deployment: ...

    async def deployments(self, query: DeploymentQuery) -> Page[Deployment]: ...

    async def deployment(self, deployment_id: str) -> Deployment: ...

    async def delete(self, deployment_id: str) -> None: ...

    async def apps(self, query: AppVersionQuery) -> Page[AppVersion]: ...

    async def log(self, deployment_id: str, after: int, since: int | None, most: int) -> list[DeploymentLogLine]: ...

    def follow(
        self, deployment_id: str, after: int, since: int | None
    ) -> AsyncGenerator[list[Deployment | DeploymentLogLine]]:
        """States as they change and lines as they come, to its end."""
        ...
