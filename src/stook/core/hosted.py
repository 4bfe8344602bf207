"""Names of hosted code: every action of a deployment is a task of its own, so that what was submitted to a version
stays with it.

    0192f0c1-7b7e-7000-8a2b-3c4d00000000/checkout/pay          deployment / app / action

A slash or a percent sign within a name is written as in an address, so a task's name says again what it is of.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from stook.core.policy import TaskPolicy

if TYPE_CHECKING:
    from stook.core.deployment import Action

__all__ = [
    "Dialect",
    "HostedTask",
    "KeyOf",
    "hosted_policy",
    "hosted_queue",
    "hosted_task",
    "key_name",
    "read_hosted_task",
    "read_key_name",
    "task_prefix",
    "version_id",
]

Dialect = Literal["kernel", "vellum", "stook"]

_UNNAMED: Final = TaskPolicy().queue
_TASK: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/([^/]+)/([^/]+)")

_KEY: Final = re.compile(r"deployment ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?: of (\w+))?")


class HostedTask(msgspec.Struct, frozen=True):
    deployment_id: str
    app: str
    action: str


def hosted_task(deployment_id: str, app: str, action: str) -> str:
    """The task that runs `action`. It may be longer than a task's name can be: `publish` refuses such an action."""
    return f"{deployment_id}/{_quoted(app)}/{_quoted(action)}"


def read_hosted_task(name: str) -> HostedTask | None:
    """None: it is no task of hosted code."""
    found = _TASK.fullmatch(name)
    if found is None:
        return None
    deployment_id, app, action = found.groups()
    task = HostedTask(deployment_id, _plain(app), _plain(action))
    return task if hosted_task(deployment_id, task.app, task.action) == name else None


def task_prefix(deployment_id: str) -> tuple[str, str]:
    """All tasks of a deployment lie from the first text on and before the second, byte by byte."""
    return f"{deployment_id}/", f"{deployment_id}0"


class KeyOf(msgspec.Struct, frozen=True):
    """`host` None: nobody has said which."""

    deployment_id: str
    host: str | None


def key_name(deployment_id: str, host: str) -> str:
    """Of the key that a host, by the id of its program, gives a deployment's code."""
    return f"deployment {deployment_id} of {host}"


def read_key_name(name: str) -> KeyOf | None:
    """None: it is no key that a host made."""
    found = _KEY.fullmatch(name)
    return None if found is None else KeyOf(found[1], found[2])


def hosted_queue(dialect: Dialect, app: str) -> str:
    """Of all tasks of an app, whatever their deployment."""
    return f"{dialect}/{app}"


def hosted_policy(dialect: Dialect, app: str, action: Action | None = None) -> TaskPolicy:
    """Of stook's own tasks what their code says; a queue of its own is the project's queue of that name. Of others
    nothing is run again because it failed. What was lost with its worker begins again elsewhere, but not for Kernel:
    there an invocation runs once. `ConfigError` for a queue's name that is too long."""
    queue = hosted_queue(dialect, app)
    own = None if action is None or dialect != "stook" else action.policy
    if own is not None:
        return own if own.queue != _UNNAMED else msgspec.structs.replace(own, queue=queue)
    timeout = None if action is None else action.timeout
    return TaskPolicy(queue=queue, max_attempts=1, rerun_lost=dialect != "kernel", timeout=timeout)


def version_id(project: str, dialect: Dialect, app: str, label: str) -> str:
    """A UUID that the label of the app always has, whichever deployment it is of."""
    told = f"{project}\0{dialect}\0{app}\0{label}".encode()
    return str(uuid.UUID(bytes=hashlib.blake2b(told, digest_size=16).digest(), version=5))


def _quoted(name: str) -> str:
    return name.replace("%", "%25").replace("/", "%2F")


def _plain(name: str) -> str:
    return name.replace("%2F", "/").replace("%25", "%")
