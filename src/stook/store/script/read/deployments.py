"""Deployments and labels as they are shown, asked for and served."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.deployment import Deployment, DeploymentState, NotDeployed, Page, Resolved
from stook.core.deployment_labels import Found, choose_version
from stook.core.hosted import Dialect, hosted_task
from stook.store.script.deployment_publish import version_of
from stook.store.script.deployment_row import read_deployments, row_of, with_apps
from stook.store.statement import All, Each

if TYPE_CHECKING:
    from stook.core.deployment import AppVersion
    from stook.store.statement import Row, Script

__all__ = [
    "DeploymentFilter",
    "Served",
    "VersionFilter",
    "find_version",
    "list_deployments",
    "list_versions",
    "read_deployment",
    "resolve",
    "served",
]

_names = msgspec.json.Decoder(list[str]).decode


class DeploymentFilter(msgspec.Struct, frozen=True):
    """`query`: the beginning of an id, or a part of an app's name, in small letters. None: any."""

    dialect: Dialect | None = None
    app: str | None = None
    label: str | None = None
    query: str | None = None


class VersionFilter(DeploymentFilter, frozen=True):
    """`query`: a part of an app's name, in small letters."""

    deployment_id: str | None = None


class Served(msgspec.Struct, frozen=True):
    """`env` is sealed; None: there is none."""

    deployment: Deployment
    env: bytes | None
    unfinished: bool


def read_deployment(project: str, deployment_id: str) -> Script[Deployment | None]:
    """Deleted ones too."""
    row = (yield from read_deployments((deployment_id,))).get(deployment_id)
    if row is None or row.project != project or not row.arrived:
        return None
    return (yield from with_apps([row]))[0]


def list_deployments(project: str, by: DeploymentFilter, limit: int, offset: int) -> Script[Page[Deployment]]:
    """The newest first."""
    asked = (project, *msgspec.structs.astuple(by), limit + 1, offset)
    rows: list[Row] = yield All("list_hosted_deployments", asked)
    found = yield from with_apps([row_of(row) for row in rows[:limit]])
    return Page(found, len(rows) > limit)


def list_versions(project: str, by: VersionFilter, limit: int, offset: int) -> Script[Page[AppVersion]]:
    """By app, then the one that moved last."""
    asked = (project, *msgspec.structs.astuple(by), limit + 1, offset)
    rows: list[Row] = yield All("list_hosted_versions", asked)
    return Page([version_of(row) for row in rows[:limit]], len(rows) > limit)


def find_version(project: str, version_id: str) -> Script[AppVersion | None]:
    rows: list[Row] = yield All("find_hosted_version", (version_id, project))
    return version_of(rows[0]) if rows else None


def resolve(project: str, dialect: Dialect, app: str, action: str, label: str) -> Script[Resolved | NotDeployed]:
    """One statement: it is asked once for each submission."""
    rows: list[Row] = yield All("resolve_hosted", (project, dialect, app, label))
    found = [Found(bool(exact), name, id_, of, _names(names)) for exact, name, id_, of, names in rows]
    chosen = choose_version(dialect, action, label, found)
    if isinstance(chosen, NotDeployed):
        return chosen
    return Resolved(
        deployment_id=chosen.deployment_id,
        dialect=dialect,
        app=app,
        action=action,
        label=chosen.label,
        task=hosted_task(chosen.deployment_id, app, action),
        version_id=chosen.version_id,
    )


def served() -> Script[list[Served]]:
    """What runs, and what stopped while something of it is unfinished. By id."""
    running: list[Row] = yield All("running_hosted")
    live: list[Row] = yield All("live_hosted")
    unfinished = {row[0] for row in live}
    found = yield from read_deployments({row[0] for row in running} | unfinished)
    rows = [row for _, row in sorted(found.items()) if row.kept and _runs(row.state)]
    deployments = yield from with_apps(rows)
    envs: list[Row] = yield Each("read_hosted_env", [(row.id,) for row in rows])
    sealed = {row[0]: row[1] for row in envs}
    return [Served(one, sealed[one.id], one.id in unfinished) for one in deployments]


def _runs(state: str) -> bool:
    return state in (DeploymentState.running.value, DeploymentState.stopped.value)
