"""Deployments of a project: what its users do. What hosts do with them is in `engine.hosted_code`."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.deployment import AppVersion, Deployment, DeploymentState, NotDeployed, Page, Source
from stook.core.errors import NotFound, OptionError
from stook.core.hosted_reason import DEPLOYMENT_DELETED
from stook.engine.deployment_archive import Archives, Stored
from stook.engine.deployment_env import Seal, check_env, seal_env
from stook.engine.deployment_follow import follow
from stook.engine.deployment_text import kept_text
from stook.engine.names import check_name, check_project
from stook.engine.recording import write_recorded
from stook.store.script.deployment_arrival import arrive, expect, forget
from stook.store.script.deployment_end import delete_deployment, end_pinned
from stook.store.script.deployment_log import read_log
from stook.store.script.deployment_publish import move_label
from stook.store.script.deployment_row import DeploymentRow, read_deployments
from stook.store.script.read.deployments import (
    DeploymentFilter,
    VersionFilter,
    find_version,
    list_deployments,
    list_versions,
    read_deployment,
    resolve,
)
from stook.store.script.read.limit import check_limit
from stook.store.script.read.storable import storable

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from stook.core.deployment import DeploymentLogLine, Resolved, Runtime
    from stook.core.hosted import Dialect
    from stook.engine.blobs import Blobs
    from stook.engine.recording import Recording
    from stook.store.port import Store

__all__ = ["Deployments", "Seal", "no_such_deployment"]

_MOST_ENTRYPOINT: Final = 4096
_MOST_SCOPE: Final = 200
_MOST_REASON: Final = 65_536
_FURTHEST: Final = 2**31
_NOTHING: Final[Page[Any]] = Page([], more=False)


class Deployments:
    """`seal` closes environments: nothing here opens one."""

    def __init__(self, store: Store, blobs: Blobs, seal: Seal) -> None:
        self._store = store
        self._archives = Archives(store, blobs)
        self._seal = seal

    async def create(
        self,
        project: str,
        *,
        dialect: Dialect,
        runtime: Runtime,
        label: str,
        entrypoint: str,
        archive: Path | None,
        force: bool = False,
        source: Source | None = None,
        env: Mapping[str, str] | None = None,
        facts: Mapping[str, Any] | None = None,
        deployment_id: str | None = None,
        checksum: str | None = None,
        failed: str | None = None,
        by: Recording | None = None,
    ) -> Deployment:
        """Durable on return, and ready to be built. `archive` is read in pieces, and is the caller's to remove;
        `checksum` is of what it was made from, if that is something else. `deployment_id`: a UUID of the caller's
        (`Conflict` if it is taken), else one is made. `failed`: there is nothing to build, this is why.

        `OptionError` for a label or a variable that cannot be, `NoEncryptionKey` where there is nothing to seal with.
        With `by`, an act is recorded in the transaction that does it; where that was done before, under its idempotency
        key, it is the deployment of then.
        """
        check_project(project)
        check_name("label", label)
        check_name("entrypoint", entrypoint or "-", most=_MOST_ENTRYPOINT)
        check_env(env or {})
        if archive is None and failed is None:
            raise OptionError("there is no archive", hint="give one")
        sealed = seal_env(env or {}, self._seal)
        row = DeploymentRow(
            id=str(uuid.uuid4()) if deployment_id is None else _checked(deployment_id),
            project=project,
            dialect=dialect,
            runtime=runtime,
            state=(DeploymentState.queued if failed is None else DeploymentState.failed).value,
            reason=None if failed is None else kept_text(failed, _MOST_REASON),
            label=label,
            force=int(force),
            entrypoint=entrypoint,
            source=_json(source or Source()),
            checksum="",
            archive_sum="",
            archive_bytes=0,
            env_names=_json(sorted(env or {})),
            facts=_json(dict(facts or {})),
            created_at=0,
            updated_at=0,
            running_at=None,
            deleted=0,
            arrived=0,
            kept=int(archive is not None),
            token=None,
            host=None,
            lease_until=None,
            losses=0,
        )
        await self._store.write(expect, row, sealed)
        try:
            stored = Stored("", 0) if archive is None else await self._archives.put(row.id, archive)
            there = partial(arrive, row.id, checksum or stored.sha256, stored.sha256, stored.size)
            made = await write_recorded(self._store, by, there, affected=_one, scope=_deployed, returns=Deployment)
        except BaseException:
            await self._forget(row)
            raise
        if made.id != row.id:
            await self._forget(row)
        return made

    async def _forget(self, row: DeploymentRow) -> None:
        """It has not come whole."""
        await self._archives.drop(row.id)
        await self._store.write(forget, row.id)

    async def get(self, project: str, deployment_id: str) -> Deployment | None:
        """Deleted ones too."""
        return await self._store.read(read_deployment, project, _known(deployment_id))

    async def list(
        self,
        project: str,
        *,
        dialect: Dialect | None = None,
        app: str | None = None,
        label: str | None = None,
        query: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[Deployment]:
        """The newest first; what is deleted is not among them. `label` is the one it was deployed with; `query` the
        beginning of an id, or a part of an app's name, capitals or not."""
        check_limit(limit)
        by = DeploymentFilter(dialect, app, label, query if query is None else query.lower())
        if not _askable(by):
            return _NOTHING
        return await self._store.read(list_deployments, project, by, limit, min(offset, _FURTHEST))

    async def delete(self, project: str, deployment_id: str, *, by: Recording | None = None) -> bool:
        """On return it is not listed, nothing is submitted to it, and what waited for it is cancelled; what runs ends
        as it would have. False: there is none, or it was deleted before."""
        act = partial(delete_deployment, project, _known(deployment_id))
        if not await write_recorded(self._store, by, act, affected=int):
            return False
        while await self._store.write(end_pinned, deployment_id, DEPLOYMENT_DELETED):
            pass
        return True

    async def versions(
        self,
        project: str,
        *,
        dialect: Dialect | None = None,
        app: str | None = None,
        label: str | None = None,
        query: str | None = None,
        deployment_id: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[AppVersion]:
        """Labels of running deployments: by app, then the one that moved last. `query` is a part of an app's name,
        capitals or not."""
        check_limit(limit)
        by = VersionFilter(dialect, app, label, query if query is None else query.lower(), deployment_id)
        if not _askable(by):
            return _NOTHING
        return await self._store.read(list_versions, project, by, limit, min(offset, _FURTHEST))

    async def version(self, project: str, version_id: str) -> AppVersion | None:
        return await self._store.read(find_version, project, _known(version_id))

    async def resolve(
        self, project: str, dialect: Dialect, app: str, action: str, label: str
    ) -> Resolved | NotDeployed:
        """What a submission is pinned to."""
        if not (storable(app) and storable(label)):
            return NotDeployed("app")
        return await self._store.read(resolve, project, dialect, app, action, label)

    async def move_label(
        self,
        project: str,
        dialect: Dialect,
        app: str,
        label: str,
        deployment_id: str,
        *,
        by: Recording | None = None,
    ) -> AppVersion | None:
        """Makes it a label of that deployment, whosever it was: one that loses its last label stops. None: there is no
        running deployment of this id with such an app. `by` as in `create`."""
        check_name("label", label)
        if not (storable(app) and storable(deployment_id)):
            return None
        act = partial(move_label, project, dialect, app, label, deployment_id)
        return await write_recorded(self._store, by, act, affected=_moved, returns=AppVersion | None)

    async def log(
        self, project: str, deployment_id: str, *, after: int = 0, since: int | None = None, most: int = 500
    ) -> builtins.list[DeploymentLogLine]:
        """Lines behind number `after`, not older than `since` (microseconds). News ring the topic `deployment:{id}`.
        `NotFound` where there is no such deployment."""
        if await self.get(project, deployment_id) is None:
            raise no_such_deployment(deployment_id)
        return await self._store.read(read_log, deployment_id, after, since or 0, most)

    async def follow(
        self, project: str, deployment_id: str, *, after: int = 0, since: int | None = None, idle: float = 15.0
    ) -> AsyncIterator[Deployment | builtins.list[DeploymentLogLine] | None]:
        """Its state, first and whenever it changes, and its lines; None after `idle` seconds without either.

        A queued or building one is told at once. The lines of the build come before the state `running`, all lines
        before a terminal one, which is the last. `NotFound` at the first step.
        """
        if await self.get(project, deployment_id) is None:
            raise no_such_deployment(deployment_id)
        async for news in follow(self._store, project, deployment_id, after, since or 0, idle):
            yield news

    async def archive(self, project: str, deployment_id: str) -> AsyncIterator[bytes]:
        """As it was given, piece by piece. `NotFound` at the first step where it is not kept; `StoreError` behind the
        last piece where it is damaged."""
        rows = await self._store.read(read_deployments, [_known(deployment_id)])
        row = rows.get(deployment_id)
        if row is None or row.project != project or not row.arrived:
            raise no_such_deployment(deployment_id)
        if not row.kept:
            raise NotFound(f"the archive of deployment {deployment_id} is not kept any more", hint="deploy it again")
        async for piece in self._archives.pieces(row.id, Stored(row.archive_sum, row.archive_bytes)):
            yield piece


def _one(_: object) -> int:
    return 1


def _moved(version: AppVersion | None) -> int:
    return int(version is not None)


def _deployed(made: Deployment) -> str:
    return f"deployment {made.id} under {made.label}"[:_MOST_SCOPE]


def no_such_deployment(deployment_id: str) -> NotFound:
    return NotFound(f"no such deployment: {deployment_id}", hint="`stook deployments` lists those there are")


def _askable(by: DeploymentFilter) -> bool:
    """What no column can hold is a part of nothing."""
    return all(storable(text) for text in msgspec.structs.astuple(by) if text is not None)


def _checked(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise OptionError(f"id={text!r} is no UUID", hint="leave it out, and the deployment is given one") from None


def _known(text: str) -> str:
    """What no column can hold is the id of nothing."""
    return text if storable(text) else ""


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
