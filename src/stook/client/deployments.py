"""`client.deployments`: code that a server builds and runs. In blocking calls and in coroutines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, Unpack

import msgspec

from stook.client.code_archive import archive_of
from stook.core.deployment import AppVersion, Deployment, DeploymentLogLine
from stook.core.errors import OptionError
from stook.wire.deployment import AppVersionQuery, DeploymentQuery, DeployQuery
from stook.wire.stamp import micros

if TYPE_CHECKING:
    import builtins
    import os
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
    from datetime import datetime

    from stook.client.batch import Caller
    from stook.client.deployment_backend import DeploymentBackend
    from stook.core.hosted import Dialect

__all__ = [
    "AppFilters",
    "AsyncDeployments",
    "DeployOptions",
    "Deployment",
    "DeploymentFilters",
    "DeploymentLogLine",
    "Deployments",
]

S = TypeVar("S", bound=msgspec.Struct)
_PAGE = 100
_LINES = 500


class DeployOptions(TypedDict, total=False):
    """`label` is what it is asked for under (latest); an explicit one that runs already is taken with `force` alone.
    `dialect`: what the code is written with, stook itself or Kernel's SDK. `env` is its environment: the server keeps
    it encrypted, and shows its names alone. `id` is a UUID: the same again with the same archive is one deployment."""

    label: str
    dialect: Literal["stook", "kernel"]
    force: bool
    env: Mapping[str, str]
    id: str | None


class DeploymentFilters(TypedDict, total=False):
    """Joined by and. `label` is the one it was deployed with; `query` the beginning of an id, or a part of an app's
    name."""

    dialect: Dialect | None
    app: str | None
    label: str | None
    query: str | None


class AppFilters(DeploymentFilters, total=False):
    """`query`: a part of an app's name; `deployment`: the id of who has the label."""

    deployment: str | None


class AsyncDeployments:
    """`Deployments`, awaited."""

    def __init__(self, backend: DeploymentBackend) -> None:
        self._backend = backend

    async def deploy(
        self, code: str | os.PathLike[str], entrypoint: str, **options: Unpack[DeployOptions]
    ) -> Deployment:
        """`code` is a folder, a ZIP or a tar.gz, `entrypoint` the path of a file from its root. Durable when it
        returns; it is built then, and runs if that goes well."""
        words: dict[str, Any] = {"entrypoint": entrypoint, **options}
        env = words.pop("env", {})
        asked = _shaped(DeployQuery, words)
        with archive_of(code) as archive:
            return await self._backend.deploy(archive, asked, env)

    async def list(self, **filters: Unpack[DeploymentFilters]) -> AsyncIterator[Deployment]:
        """The newest first, read as they are taken."""
        async for page in self.pages(**filters):
            for one in page:
                yield one

    async def pages(self, **filters: Unpack[DeploymentFilters]) -> AsyncIterator[builtins.list[Deployment]]:
        query = _shaped(DeploymentQuery, filters)
        more = True
        while more:
            page = await self._backend.deployments(msgspec.structs.replace(query, limit=_PAGE))
            yield page.items
            query, more = msgspec.structs.replace(query, offset=query.offset + _PAGE), page.more

    async def get(self, deployment: str) -> Deployment:
        """A deleted one, too. `NotFound`."""
        return await self._backend.deployment(deployment)

    async def delete(self, deployment: str) -> None:
        """What waits for it is cancelled, what runs ends as it would have. Twice is once; `NotFound`."""
        await self._backend.delete(deployment)

    async def apps(self, **filters: Unpack[AppFilters]) -> AsyncIterator[AppVersion]:
        """Labels of running deployments: by app, then the one that moved last."""
        async for page in self.app_pages(**filters):
            for one in page:
                yield one

    async def app_pages(self, **filters: Unpack[AppFilters]) -> AsyncIterator[builtins.list[AppVersion]]:
        query = _shaped(AppVersionQuery, filters)
        more = True
        while more:
            page = await self._backend.apps(msgspec.structs.replace(query, limit=_PAGE))
            yield page.items
            query, more = msgspec.structs.replace(query, offset=query.offset + _PAGE), page.more

    async def log(
        self, deployment: str, *, after: int = 0, since: datetime | None = None
    ) -> AsyncIterator[DeploymentLogLine]:
        """What its build and its executions have said up to now, behind line number `after`. `NotFound`."""
        async for page in self.log_pages(deployment, after=after, since=since):
            for one in page:
                yield one

    async def log_pages(
        self, deployment: str, *, after: int = 0, since: datetime | None = None
    ) -> AsyncIterator[builtins.list[DeploymentLogLine]]:
        at = _since(since)
        while page := await self._backend.log(deployment, after, at, _LINES):
            yield page
            after = page[-1].number
            if len(page) < _LINES:
                return

    async def follow(
        self, deployment: str, *, after: int = 0, since: datetime | None = None
    ) -> AsyncGenerator[Deployment | DeploymentLogLine]:
        """Its state, first and whenever it is another, and its lines, until it has stopped or failed. `NotFound`."""
        async for page in self.follow_pages(deployment, after=after, since=since):
            for one in page:
                yield one

    def follow_pages(
        self, deployment: str, *, after: int = 0, since: datetime | None = None
    ) -> AsyncGenerator[builtins.list[Deployment | DeploymentLogLine]]:
        return self._backend.follow(deployment, after, _since(since))


class Deployments:
    """Of a client's project."""

    def __init__(self, backend: DeploymentBackend, caller: Caller) -> None:
        self._inner = AsyncDeployments(backend)
        self._caller = caller

    def deploy(self, code: str | os.PathLike[str], entrypoint: str, **options: Unpack[DeployOptions]) -> Deployment:
        """`code` is a folder, a ZIP or a tar.gz, `entrypoint` the path of a file from its root. Durable when it
        returns; it is built then, and runs if that goes well."""
        return self._caller.call(self._inner.deploy(code, entrypoint, **options))

    def list(self, **filters: Unpack[DeploymentFilters]) -> Iterator[Deployment]:
        """The newest first, read as they are taken."""
        return self._caller.iterate(self._inner.pages(**filters))

    def get(self, deployment: str) -> Deployment:
        """A deleted one, too. `NotFound`."""
        return self._caller.call(self._inner.get(deployment))

    def delete(self, deployment: str) -> None:
        """What waits for it is cancelled, what runs ends as it would have. Twice is once; `NotFound`."""
        self._caller.call(self._inner.delete(deployment))

    def apps(self, **filters: Unpack[AppFilters]) -> Iterator[AppVersion]:
        """Labels of running deployments: by app, then the one that moved last."""
        return self._caller.iterate(self._inner.app_pages(**filters))

    def log(self, deployment: str, *, after: int = 0, since: datetime | None = None) -> Iterator[DeploymentLogLine]:
        """What its build and its executions have said up to now, behind line number `after`. `NotFound`."""
        return self._caller.iterate(self._inner.log_pages(deployment, after=after, since=since))

    def follow(
        self, deployment: str, *, after: int = 0, since: datetime | None = None
    ) -> Iterator[Deployment | DeploymentLogLine]:
        """Its state, first and whenever it is another, and its lines, until it has stopped or failed. `NotFound`."""
        return self._caller.iterate(self._inner.follow_pages(deployment, after=after, since=since))


def _shaped(kind: type[S], given: Mapping[str, Any]) -> S:
    """`OptionError` names what cannot be, before anybody is asked."""
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        text = str(error).replace("Object contains unknown field", "there is no option").replace("`$.", "`")
        raise OptionError(text) from None


def _since(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise OptionError(f"since={moment} has no time zone", hint="give an aware time, like datetime.now(UTC)")
    return micros(moment)
