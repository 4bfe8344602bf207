"""The row of a deployment, read under its lock, changed in memory, written back whole.

Lock order: the labels of a project go one after the other (`labels_guard`); then its deployments by id. Neither is
held together with a batch's row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from stook.core.deployment import (
    Action,
    App,
    Deployment,
    DeploymentEvent,
    DeploymentState,
    Runtime,
    Source,
    move_deployment,
)
from stook.store.statement import Each, Guard, Many, Notify

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stook.core.hosted import Dialect
    from stook.store.statement import Row, Script

__all__ = [
    "SERVED",
    "DeploymentRow",
    "actions_of",
    "change_state",
    "deployment_of",
    "labels_guard",
    "lock_deployments",
    "read_deployments",
    "save_deployments",
    "with_apps",
]

SERVED = "deployments"
"""The topic of what is to be built, or served."""

_source = msgspec.json.Decoder(Source).decode
_names = msgspec.json.Decoder(tuple[str, ...]).decode
_facts = msgspec.json.Decoder(dict[str, Any]).decode
actions_of = msgspec.json.Decoder(tuple[Action, ...]).decode


class DeploymentRow(msgspec.Struct, kw_only=True):
    """Columns of `read_hosted_deployment.sql` and its like; the environment is not among them."""

    id: str
    project: str
    dialect: str
    runtime: str
    state: str
    reason: str | None
    label: str
    force: int
    entrypoint: str
    source: str
    checksum: str
    archive_sum: str
    archive_bytes: int
    env_names: str
    facts: str
    created_at: int
    updated_at: int
    running_at: int | None
    deleted: int
    arrived: int
    kept: int
    token: int | None
    host: str | None
    lease_until: int | None
    losses: int

    @property
    def told(self) -> Mapping[str, Any]:
        return _facts(self.facts)


_FIELDS = DeploymentRow.__struct_fields__


def row_of(row: Row) -> DeploymentRow:
    return DeploymentRow(**dict(zip(_FIELDS, row, strict=True)))


def labels_guard(project: str) -> Script[None]:
    yield Guard((f"deployments:{project}",))


def lock_deployments(ids: Iterable[str]) -> Script[dict[str, DeploymentRow]]:
    """Those that there are."""
    rows: list[Row] = yield Each("lock_hosted_deployment", [(one,) for one in sorted(set(ids))])
    return {row[0]: row_of(row) for row in rows}


def read_deployments(ids: Iterable[str]) -> Script[dict[str, DeploymentRow]]:
    rows: list[Row] = yield Each("read_hosted_deployment", [(one,) for one in sorted(set(ids))])
    return {row[0]: row_of(row) for row in rows}


def change_state(row: DeploymentRow, event: DeploymentEvent, reason: str | None = None) -> bool:
    """False: there is no such way from where it is. Nobody builds it any more, unless it is `take`n."""
    state = move_deployment(DeploymentState(row.state), event)
    if state is None:
        return False
    row.state = state.value
    row.reason = reason
    if event is not DeploymentEvent.take:
        row.token = row.lease_until = None
    return True


def save_deployments(rows: Sequence[DeploymentRow], now: int) -> Script[None]:
    """And wakes who looks at them, or serves them."""
    changed = []
    for row in rows:
        row.updated_at = now
        changed.append(
            (
                row.id,
                row.state,
                row.reason,
                row.checksum,
                row.archive_sum,
                row.archive_bytes,
                row.facts,
                row.updated_at,
                row.running_at,
                row.deleted,
                row.arrived,
                row.kept,
                row.token,
                row.host,
                row.lease_until,
                row.losses,
            )
        )
    if changed:
        yield Many("update_hosted_deployment", changed)
        yield Notify((SERVED, *(f"deployment:{row.id}" for row in rows)))


def with_apps(rows: Sequence[DeploymentRow]) -> Script[list[Deployment]]:
    """In the order of the rows."""
    found: list[Row] = yield Each("read_hosted_apps", [(row.id,) for row in rows])
    apps: dict[str, list[App]] = {}
    for deployment_id, app, actions in sorted(found, key=lambda one: (one[0], one[1])):
        apps.setdefault(deployment_id, []).append(App(app, actions_of(actions)))
    return [deployment_of(row, apps.get(row.id, ())) for row in rows]


def deployment_of(row: DeploymentRow, apps: Sequence[App] = ()) -> Deployment:
    return Deployment(
        id=row.id,
        project=row.project,
        dialect=cast("Dialect", row.dialect),
        runtime=cast("Runtime", row.runtime),
        state=DeploymentState(row.state),
        reason=row.reason,
        label=row.label,
        force=bool(row.force),
        entrypoint=row.entrypoint,
        source=_source(row.source),
        checksum=row.checksum,
        archive_bytes=row.archive_bytes,
        env_names=_names(row.env_names),
        facts=_facts(row.facts),
        created_at=row.created_at,
        updated_at=row.updated_at,
        running_at=row.running_at,
        deleted=bool(row.deleted),
        apps=tuple(apps),
    )
