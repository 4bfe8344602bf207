"""Deployments of the wire, as the values that the engine gives."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from stook.core.deployment import Action, App, AppVersion, Deployment, DeploymentLogLine, Source
from stook.wire.stamp import micros

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.wire import deployment as wire

__all__ = ["deployment_view", "line_view", "version_view"]


def deployment_view(shown: wire.Deployment) -> Deployment:
    """Without `facts`, which are not shown."""
    source = shown.source
    return Deployment(
        id=shown.id,
        project=shown.project,
        dialect=shown.dialect,
        runtime=shown.runtime,
        state=shown.state,
        reason=shown.reason,
        label=shown.label,
        force=shown.force,
        entrypoint=shown.entrypoint,
        source=Source(source.type, source.url, source.ref, source.path),
        checksum=shown.checksum,
        archive_bytes=shown.archive_bytes,
        env_names=tuple(shown.env),
        facts={},
        created_at=_at(shown.created_at),
        updated_at=_at(shown.updated_at),
        running_at=None if shown.running_at is None else _at(shown.running_at),
        deleted=shown.deleted,
        apps=tuple(App(one.name, _actions(one.actions)) for one in shown.apps),
    )


def version_view(shown: wire.AppVersion) -> AppVersion:
    return AppVersion(
        id=shown.id,
        project=shown.project,
        dialect=shown.dialect,
        app=shown.app,
        label=shown.label,
        deployment_id=shown.deployment_id,
        actions=_actions(shown.actions),
        env_names=tuple(shown.env),
        moved_at=_at(shown.moved_at),
    )


def line_view(shown: wire.DeploymentLogLine) -> DeploymentLogLine:
    return DeploymentLogLine(shown.number, _at(shown.at), shown.text, shown.execution_id)


def _actions(shown: Sequence[wire.DeployedAction]) -> tuple[Action, ...]:
    return tuple(Action(one.name, one.input_schema, one.output_schema) for one in shown)


def _at(stamp: str) -> int:
    return micros(datetime.fromisoformat(stamp))
