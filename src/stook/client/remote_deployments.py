"""Deployments of a server: every method is one call of the API, or a stream."""

from __future__ import annotations

import uuid
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec

from stook.client import deployment_calls as calls
from stook.client.deployment_shapes import deployment_view, line_view, version_view
from stook.client.exact import in_shape
from stook.client.following import follow
from stook.core.deployment import Page
from stook.wire import deployment as wire
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

    from stook.client.connection import Connection
    from stook.client.request import Request
    from stook.core.deployment import AppVersion, Deployment, DeploymentLogLine, DeploymentState

__all__ = ["RemoteDeployments"]


class RemoteDeployments:
    """Implements `DeploymentBackend`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def deploy(self, archive: Path, words: wire.DeployQuery, env: Mapping[str, str]) -> Deployment:
        """An id is made where none is given, so that it can be sent again."""
        named = msgspec.structs.replace(words, id=words.id or str(uuid.uuid4()))
        return deployment_view(await self._connection.send(calls.deploy(archive, named, env)))

    async def deployments(self, query: wire.DeploymentQuery) -> Page[Deployment]:
        page = await self._connection.send(calls.deployments(query))
        return Page([deployment_view(one) for one in page.data], page.next is not None)

    async def deployment(self, deployment_id: str) -> Deployment:
        return deployment_view(await self._connection.send(calls.deployment(deployment_id)))

    async def delete(self, deployment_id: str) -> None:
        await self._connection.send(calls.delete(deployment_id))

    async def apps(self, query: wire.AppVersionQuery) -> Page[AppVersion]:
        page = await self._connection.send(calls.apps(query))
        return Page([version_view(one) for one in page.data], page.next is not None)

    async def log(self, deployment_id: str, after: int, since: int | None, most: int) -> list[DeploymentLogLine]:
        request = calls.logs(deployment_id, after, stamp(since), most)
        return [line_view(one) for one in (await self._connection.send(request)).data]

    async def follow(
        self, deployment_id: str, after: int, since: int | None
    ) -> AsyncGenerator[list[Deployment | DeploymentLogLine]]:
        told: DeploymentState | None = None

        def request(cursor: str | None) -> Request[None]:
            return calls.follow(deployment_id, cursor or str(after), stamp(since))

        async with aclosing(follow(self._connection, request)) as events:
            async for event in events:
                if event.name == "log":
                    yield [line_view(in_shape(event.data, wire.DeploymentLogLine))]
                elif event.name == "state":
                    found = deployment_view(in_shape(event.data, wire.Deployment))
                    if found.state is not told:  # not again behind a connection that was cut
                        told = found.state
                        yield [found]
