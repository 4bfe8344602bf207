"""Deployments: immutable versions of somebody's code, and the labels by which they are asked for.

                        publish
   ┌────────┐ take ┌──────────┐ ──────▶ ┌─────────┐ stop ┌─────────┐
   │ queued │ ───▶ │ building │         │ running │ ───▶ │ stopped │
   └────────┘      └──────────┘ ─┐      └─────────┘      └─────────┘
        │  fail      ▲  │  │     │ shelve                     ▲
        │            └──┘  │     └────────────────────────────┘
        │       take again │ fail        ┌────────┐
        └──────────────────┴───────────▶ │ failed │
                                         └────────┘

A deployment is looked for under (app, label). `latest` is what is meant where nothing is said.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from stook.core.errors import OptionError
from stook.core.hosted import Dialect
from stook.core.policy import TaskPolicy

__all__ = [
    "MOST_LOSSES",
    "Action",
    "App",
    "AppVersion",
    "BuildOrder",
    "Deployment",
    "DeploymentEvent",
    "DeploymentLogLine",
    "DeploymentState",
    "Dialect",
    "Hosted",
    "NotDeployed",
    "Page",
    "Resolved",
    "Runtime",
    "Source",
    "check_runtime",
    "move_deployment",
]

Runtime = Literal["python", "node", "vellum"]
T = TypeVar("T")

MOST_LOSSES: Final = 3
"""So many hosts may be lost while they build one deployment."""


class DeploymentState(StrEnum):
    queued = "queued"
    building = "building"
    running = "running"
    stopped = "stopped"
    failed = "failed"

    @property
    def terminal(self) -> bool:
        return self in (DeploymentState.stopped, DeploymentState.failed)


class DeploymentEvent(Enum):
    take = "take"
    publish = "publish"
    shelve = "shelve"
    """It was built and is not to be run."""
    fail = "fail"
    stop = "stop"


_MOVES: Final = {
    (DeploymentState.queued, DeploymentEvent.take): DeploymentState.building,
    (DeploymentState.building, DeploymentEvent.take): DeploymentState.building,
    (DeploymentState.building, DeploymentEvent.publish): DeploymentState.running,
    (DeploymentState.building, DeploymentEvent.shelve): DeploymentState.stopped,
    (DeploymentState.queued, DeploymentEvent.fail): DeploymentState.failed,
    (DeploymentState.building, DeploymentEvent.fail): DeploymentState.failed,
    (DeploymentState.running, DeploymentEvent.stop): DeploymentState.stopped,
}


def check_runtime(dialect: Dialect, runtime: Runtime, entrypoint: str) -> None:
    """`OptionError` for what is written with one thing and run by another."""
    if dialect == "stook" and runtime != "python":
        raise OptionError(
            f"{entrypoint} is no Python, which apps of stook are", where="entrypoint", hint="dialect=kernel runs it"
        )


def move_deployment(state: DeploymentState, event: DeploymentEvent) -> DeploymentState | None:
    """None: there is no such way."""
    return _MOVES.get((state, event))


class Source(msgspec.Struct, frozen=True):
    """Where the archive came from. `ref` as it was asked for."""

    type: Literal["file", "github"] = "file"
    url: str = ""
    ref: str = ""
    path: str = ""


class Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """Schemas are JSON Schema, None where nothing is known; `timeout` seconds of one attempt, None: what the
    submission says. `policy`: what its code says of how it is run, None where nothing can be said."""

    name: str
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    timeout: float | None = None
    policy: TaskPolicy | None = None


class App(msgspec.Struct, frozen=True):
    name: str
    actions: tuple[Action, ...] = ()


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """Times are microseconds since the epoch; `checksum` is the archive's SHA-256 in hex. `facts` is the dialect's own
    JSON. `reason` says why it failed. `apps` are known once it is built. `deleted`: it is not listed any more."""

    id: str
    project: str
    dialect: Dialect
    runtime: Runtime
    state: DeploymentState
    reason: str | None
    label: str
    force: bool
    entrypoint: str
    source: Source
    checksum: str
    archive_bytes: int
    env_names: tuple[str, ...]
    facts: dict[str, Any]
    created_at: int
    updated_at: int
    running_at: int | None
    deleted: bool
    apps: tuple[App, ...] = ()


class AppVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A label of an app, and the running deployment that has it. The `id` stays while the label moves; `moved_at` says
    when it did."""

    id: str
    project: str
    dialect: Dialect
    app: str
    label: str
    deployment_id: str
    actions: tuple[Action, ...]
    env_names: tuple[str, ...]
    moved_at: int


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a submission is pinned to. `label` is the one that was found, `task` is to be submitted to."""

    deployment_id: str
    dialect: Dialect
    app: str
    action: str
    label: str
    task: str
    version_id: str


class NotDeployed(msgspec.Struct, frozen=True):
    """`what` is not there: the app has no running deployment, none with the label, or that one has no such action."""

    what: Literal["app", "action", "label"]


class DeploymentLogLine(msgspec.Struct, frozen=True):
    """`execution_id`: whose output it is; None: of the build, or a note that lines are gone."""

    number: int
    at: int
    text: str
    execution_id: str | None = None


class BuildOrder(msgspec.Struct, frozen=True):
    """Whoever holds the `token` builds the deployment, until its lease ends."""

    deployment: Deployment
    token: int
    env: dict[str, str]

    def __repr__(self) -> str:
        return f"<BuildOrder of {self.deployment.id}>"


class Hosted(msgspec.Struct, frozen=True):
    """A deployment to be served: it is running, or something submitted to it is `unfinished`."""

    deployment: Deployment
    env: dict[str, str]
    unfinished: bool

    def __repr__(self) -> str:
        return f"<Hosted {self.deployment.id}>"


class Page(msgspec.Struct, Generic[T], frozen=True):
    """`more`: there is something behind the last of `items`."""

    items: list[T]
    more: bool
