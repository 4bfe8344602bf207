"""The objects of this dialect, field by field as its clients know them. What is UNSET is left out."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from stook.wire.stamp import Stamp

__all__ = [
    "REGION",
    "AppAction",
    "AppVersion",
    "AppVersionSummary",
    "BatchJob",
    "BatchStatus",
    "CreatedBatch",
    "Deployment",
    "DeploymentStatus",
    "Invocation",
    "InvocationStatus",
    "Invoked",
    "ProjectLimits",
    "ResultLine",
]

REGION: Final = "aws.us-east-1a"
"""Its types know only this one."""

InvocationStatus = Literal["queued", "running", "succeeded", "failed"]
BatchStatus = Literal["queued", "running", "succeeded", "partially_failed", "failed"]
DeploymentStatus = Literal["queued", "in_progress", "running", "stopped", "failed"]


class AppAction(msgspec.Struct):
    name: str
    input_schema: dict[str, Any] | None
    output_schema: dict[str, Any] | None


class AppVersion(msgspec.Struct, kw_only=True):
    id: str
    app_name: str
    version: str
    region: str = REGION
    deployment: str
    actions: list[AppAction]
    env_vars: dict[str, str]


class AppVersionSummary(msgspec.Struct, kw_only=True):
    id: str
    app_name: str
    version: str
    region: str = REGION
    actions: list[AppAction]


class Deployment(msgspec.Struct, kw_only=True):
    id: str
    status: DeploymentStatus
    region: str = REGION
    created_at: Stamp
    updated_at: Stamp | None
    status_reason: str | UnsetType = UNSET
    entrypoint_rel_path: str | UnsetType = UNSET
    env_vars: dict[str, str]
    source_type: Literal["file", "github"]
    source_url: str | UnsetType = UNSET
    source_ref: str | UnsetType = UNSET
    source_path: str | UnsetType = UNSET
    source_checksum: str | UnsetType = UNSET


class Invoked(msgspec.Struct, kw_only=True):
    id: str
    action_name: str
    status: InvocationStatus
    output: str | UnsetType = UNSET
    status_reason: str | UnsetType = UNSET


class Invocation(msgspec.Struct, kw_only=True):
    """`item_id` is the caller's own, of an item of a batch."""

    id: str
    app_name: str
    action_name: str
    version: str
    status: InvocationStatus
    started_at: Stamp
    finished_at: Stamp | None
    payload: str | UnsetType = UNSET
    output: str | UnsetType = UNSET
    status_reason: str | UnsetType = UNSET
    deployment_id: str
    batch_job_id: str | UnsetType = UNSET
    item_id: str | UnsetType = UNSET


class BatchJob(msgspec.Struct, kw_only=True):
    id: str
    status: BatchStatus
    status_reason: str | UnsetType = UNSET
    total_count: int
    succeeded_count: int
    failed_count: int
    queued_count: int
    running_count: int
    app_name: str
    action_name: str
    version: str
    max_concurrency: int | None
    created_at: Stamp
    started_at: Stamp | None
    finished_at: Stamp | None


class CreatedBatch(msgspec.Struct, kw_only=True):
    batch_job_id: str
    total_count: int
    id: str
    status: BatchStatus
    app_name: str
    action_name: str
    version: str
    max_concurrency: int | None
    created_at: Stamp


class ResultLine(msgspec.Struct, kw_only=True):
    index: int
    id: str
    item_id: str | UnsetType = UNSET
    status: InvocationStatus
    output: str | UnsetType = UNSET
    status_reason: str | UnsetType = UNSET


class ProjectLimits(msgspec.Struct, kw_only=True):
    max_concurrent_invocations: int | None
    max_concurrent_sessions: None = None
    max_pooled_sessions: None = None
