"""Deployments on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from stook.core.deployment import DeploymentState
from stook.core.hosted import Dialect
from stook.wire.stamp import Moment, Stamp

__all__ = [
    "AppVersion",
    "AppVersionPage",
    "AppVersionQuery",
    "DeployQuery",
    "DeployedAction",
    "DeployedApp",
    "Deployment",
    "DeploymentLogLine",
    "DeploymentLogPage",
    "DeploymentLogQuery",
    "DeploymentPage",
    "DeploymentQuery",
    "DeploymentSource",
    "FollowDeploymentQuery",
]

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Offset = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
Number = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


class DeployQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The fields of a form, for an archive that is the whole body. `dialect`: what the code is written with, stook or
    Kernel's SDK. `entrypoint` is a path from the archive's root. An explicit `label` that runs already is taken with
    `force` alone. `id` is a UUID of the caller's: sent again with the same archive, it is the same deployment."""

    entrypoint: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
    label: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "latest"
    dialect: Literal["stook", "kernel"] = "stook"
    force: bool = False
    id: str | None = None


class DeploymentSource(msgspec.Struct, kw_only=True):
    type: Literal["file", "github"]
    url: str
    ref: str
    path: str


class DeployedAction(msgspec.Struct, kw_only=True):
    """`task` runs it: what is submitted to that stays with this deployment."""

    name: str
    task: str
    input_schema: dict[str, Any] | None
    output_schema: dict[str, Any] | None


class DeployedApp(msgspec.Struct, kw_only=True):
    name: str
    actions: list[DeployedAction]


class Deployment(msgspec.Struct, kw_only=True):
    """`env` are names: values are shown to nobody. `checksum` is the archive's SHA-256 in hex. `reason` says why it has
    failed; `apps` are known once it is built."""

    id: str
    project: str
    dialect: Dialect
    runtime: Literal["python", "node", "vellum"]
    state: DeploymentState
    reason: str | None
    label: str
    force: bool
    entrypoint: str
    source: DeploymentSource
    checksum: str
    archive_bytes: int
    env: list[str]
    apps: list[DeployedApp]
    created_at: Stamp
    updated_at: Stamp
    running_at: Stamp | None
    deleted: bool


class DeploymentPage(msgspec.Struct):
    """`next` is the `offset` to go on with."""

    data: list[Deployment]
    next: str | None


class DeploymentQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`query`: the beginning of an id, or a part of an app's name."""

    dialect: Dialect | None = None
    app: str | None = None
    label: str | None = None
    query: str | None = None
    limit: Limit = 50
    offset: Offset = 0


class AppVersion(msgspec.Struct, kw_only=True):
    """A label of an app, and the running deployment that has it. The `id` stays when the label moves."""

    id: str
    project: str
    dialect: Dialect
    app: str
    label: str
    deployment_id: str
    actions: list[DeployedAction]
    env: list[str]
    moved_at: Stamp


class AppVersionPage(msgspec.Struct):
    """`next` is the `offset` to go on with."""

    data: list[AppVersion]
    next: str | None


class AppVersionQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`query`: a part of an app's name."""

    dialect: Dialect | None = None
    app: str | None = None
    label: str | None = None
    deployment: str | None = None
    query: str | None = None
    limit: Limit = 50
    offset: Offset = 0


class DeploymentLogLine(msgspec.Struct, kw_only=True, gc=False):
    """`number` is the cursor to go on behind it. `execution_id`: whose output it is; null: of the build."""

    number: int
    at: Stamp
    text: str
    execution_id: str | None


class DeploymentLogPage(msgspec.Struct):
    """`next` is the `after` to go on with."""

    data: list[DeploymentLogLine]
    next: str | None


class DeploymentLogQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Lines behind number `after`, not older than `since`."""

    after: Number = 0
    since: Moment | None = None
    limit: Limit = 1000


class FollowDeploymentQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`after`: the number of the last line seen, where no `Last-Event-ID` says it. `since` leaves out older lines."""

    after: Number = 0
    since: Moment | None = None
