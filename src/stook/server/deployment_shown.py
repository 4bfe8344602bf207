"""Deployments as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.hosted import hosted_task
from stook.wire.deployment import (
    AppVersion,
    DeployedAction,
    DeployedApp,
    Deployment,
    DeploymentLogLine,
    DeploymentSource,
)
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core import deployment as core

__all__ = ["deployment_of", "line_of", "version_of"]


def deployment_of(found: core.Deployment) -> Deployment:
    source = found.source
    return Deployment(
        id=found.id,
        project=found.project,
        dialect=found.dialect,
        runtime=found.runtime,
        state=found.state,
        reason=found.reason,
        label=found.label,
        force=found.force,
        entrypoint=found.entrypoint,
        source=DeploymentSource(type=source.type, url=source.url, ref=source.ref, path=source.path),
        checksum=found.checksum,
        archive_bytes=found.archive_bytes,
        env=list(found.env_names),
        apps=[DeployedApp(name=one.name, actions=_actions(found.id, one.name, one.actions)) for one in found.apps],
        created_at=stamp(found.created_at),
        updated_at=stamp(found.updated_at),
        running_at=stamp(found.running_at),
        deleted=found.deleted,
    )


def version_of(found: core.AppVersion) -> AppVersion:
    return AppVersion(
        id=found.id,
        project=found.project,
        dialect=found.dialect,
        app=found.app,
        label=found.label,
        deployment_id=found.deployment_id,
        actions=_actions(found.deployment_id, found.app, found.actions),
        env=list(found.env_names),
        moved_at=stamp(found.moved_at),
    )


def line_of(found: core.DeploymentLogLine) -> DeploymentLogLine:
    return DeploymentLogLine(number=found.number, at=stamp(found.at), text=found.text, execution_id=found.execution_id)


def _actions(deployment_id: str, app: str, actions: Sequence[core.Action]) -> list[DeployedAction]:
    return [
        DeployedAction(
            name=one.name,
            task=hosted_task(deployment_id, app, one.name),
            input_schema=one.input_schema,
            output_schema=one.output_schema,
        )
        for one in actions
    ]
