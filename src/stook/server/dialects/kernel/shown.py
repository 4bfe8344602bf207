"""What the engine knows, as this dialect's objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import UNSET, UnsetType

from stook.core.deployment import DeploymentState
from stook.core.payload import encode
from stook.core.states import TERMINAL
from stook.server.dialects.kernel import shapes
from stook.server.dialects.kernel.reasons import batch_reason, status_reason
from stook.server.dialects.kernel.states import batch_status, invocation_status
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stook.core.deployment import Action, AppVersion, Deployment
    from stook.engine.hosted_batches import HostedBatch
    from stook.engine.hosted_executions import HostedExecution

__all__ = [
    "app_version",
    "app_version_summary",
    "batch_job",
    "deployment",
    "deployment_status",
    "invocation",
    "invoked",
    "result_line",
]

_DEPLOYMENT: Final[dict[DeploymentState, shapes.DeploymentStatus]] = {
    DeploymentState.queued: "queued",
    DeploymentState.building: "in_progress",
    DeploymentState.running: "running",
    DeploymentState.stopped: "stopped",
    DeploymentState.failed: "failed",
}


def deployment_status(state: DeploymentState) -> shapes.DeploymentStatus:
    return _DEPLOYMENT[state]


def deployment(found: Deployment) -> shapes.Deployment:
    source = found.source
    fetched = source.type == "github"
    failed = found.state is DeploymentState.failed
    return shapes.Deployment(
        id=found.id,
        status=deployment_status(found.state),
        status_reason=(found.reason or "it failed") if failed else (found.reason or UNSET),
        created_at=stamp(found.created_at),
        updated_at=stamp(found.updated_at),
        entrypoint_rel_path=found.entrypoint or UNSET,
        env_vars=_redacted(found.env_names),
        source_type=source.type,
        source_url=source.url if fetched else UNSET,
        source_ref=source.ref if fetched else UNSET,
        source_path=source.path if fetched and source.path else UNSET,
        source_checksum=found.checksum or UNSET,
    )


def app_version(found: AppVersion) -> shapes.AppVersion:
    return shapes.AppVersion(
        id=found.id,
        app_name=found.app,
        version=found.label,
        deployment=found.deployment_id,
        actions=_actions(found.actions),
        env_vars=_redacted(found.env_names),
    )


def app_version_summary(found: AppVersion) -> shapes.AppVersionSummary:
    return shapes.AppVersionSummary(
        id=found.id, app_name=found.app, version=found.label, actions=_actions(found.actions)
    )


def invocation(found: HostedExecution) -> shapes.Invocation:
    """It has a reason exactly where it is shown as failed."""
    return shapes.Invocation(
        id=found.id,
        app_name=found.app,
        action_name=found.action,
        version=found.label,
        status=invocation_status(found.state, begun=found.begun),
        started_at=stamp(found.created_at),
        finished_at=stamp(found.finished_at) if found.state in TERMINAL else None,
        payload=UNSET if found.payload is None else found.payload.decode(errors="replace"),
        output=_output(found),
        status_reason=status_reason(found) or UNSET,
        deployment_id=found.deployment_id,
        batch_job_id=found.batch_id or UNSET,
        item_id=UNSET if found.item_id is None else found.item_id,
    )


def invoked(found: HostedExecution) -> shapes.Invoked:
    return shapes.Invoked(
        id=found.id,
        action_name=found.action,
        status=invocation_status(found.state, begun=found.begun),
        output=_output(found),
        status_reason=status_reason(found) or UNSET,
    )


def result_line(found: HostedExecution) -> shapes.ResultLine:
    return shapes.ResultLine(
        index=found.index,
        id=found.id,
        item_id=UNSET if found.item_id is None else found.item_id,
        status=invocation_status(found.state, begun=found.begun),
        output=_output(found),
        status_reason=status_reason(found) or UNSET,
    )


def batch_job(found: HostedBatch) -> shapes.BatchJob:
    """Cancelled and expired items count as failed."""
    counters = found.counters
    failed = counters.failed + counters.cancelled + counters.expired
    return shapes.BatchJob(
        id=found.id,
        status=batch_status(found.state, begun=found.begun, succeeded=counters.succeeded, failed=failed),
        status_reason=batch_reason(found.state, found.reason) or UNSET,
        total_count=counters.total,
        succeeded_count=counters.succeeded,
        failed_count=failed,
        queued_count=counters.total - counters.succeeded - failed - counters.running,
        running_count=counters.running,
        app_name=found.app,
        action_name=found.action,
        version=found.label,
        max_concurrency=found.max_concurrency,
        created_at=stamp(found.created_at),
        started_at=stamp(found.started_at),
        finished_at=stamp(found.finished_at),
    )


def _output(found: HostedExecution) -> str | UnsetType:
    """Its value as JSON; of one that failed what it was given as it ended, else what it raised."""
    if found.state not in TERMINAL:
        return UNSET
    if found.given or found.output is not None:
        return UNSET if found.output is None else found.output
    if found.result is not None:
        return found.result.decode(errors="replace")
    if found.error is not None:
        said = f"{found.error.type}: {found.error.message}" if found.error.type else found.error.message
        return encode({"error": said}).decode()
    return UNSET


def _actions(actions: Iterable[Action]) -> list[shapes.AppAction]:
    return [shapes.AppAction(one.name, one.input_schema, one.output_schema) for one in actions]


def _redacted(names: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(names, "")
