"""Which labels a deployment takes, and what is meant by one. Each dialect has its rule.

| | takes | must be forced | missing label |
|---|---|---|---|
| kernel, stook | the one it was deployed with | to take a running one, but for `latest` | `latest`: the app's newest |
| vellum | LATEST, one of its own, its release tags | never | refused |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.deployment import App, NotDeployed
from stook.core.hosted import Dialect, hosted_queue, hosted_task
from stook.core.lanes import is_function, keys_of, units_of
from stook.core.policy import MAX_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stook.core.policy import TaskPolicy

__all__ = [
    "DEFAULT_LABEL",
    "LATEST",
    "Found",
    "choose_version",
    "distinct",
    "is_shelved",
    "label_conflict",
    "labels_of",
    "static_label",
    "unfit",
]

DEFAULT_LABEL: Final = "latest"
LATEST: Final = "LATEST"
"""Of Vellum: moves at each deploy, and is no name like others."""
_LONGEST_TASK: Final = 512


class Found(msgspec.Struct, frozen=True):
    """A label of an app, and the names of the actions behind it. `exact`: the one that was asked for; else the app's
    newest."""

    exact: bool
    label: str
    version_id: str
    deployment_id: str
    names: Sequence[str]


def static_label(deployment_id: str) -> str:
    return deployment_id.replace("-", "")[:12]


def is_shelved(dialect: Dialect, facts: Mapping[str, Any]) -> bool:
    """It is to be built, and not to be run."""
    return dialect == "vellum" and bool(facts.get("sandbox_only") or facts.get("dry_run"))


def labels_of(dialect: Dialect, deployment_id: str, label: str, facts: Mapping[str, Any]) -> list[str]:
    """Each once."""
    if dialect != "vellum":
        return [label]
    return list(dict.fromkeys((LATEST, static_label(deployment_id), *(facts.get("release_tags") or ()))))


def label_conflict(dialect: Dialect, label: str, apps: Sequence[str], *, force: bool) -> str | None:
    """Why the label may not move, where `apps` already run under it; None: it may."""
    if not apps or force or dialect == "vellum" or label == DEFAULT_LABEL:
        return None
    named = ", ".join(repr(app) for app in apps)
    kind = "app" if len(apps) == 1 else "apps"
    return f"{kind} {named} already run{'s' * (len(apps) == 1)} under the label {label!r}: use force, or another label"


def choose_version(dialect: Dialect, action: str, label: str, found: Sequence[Found]) -> Found | NotDeployed:
    """`found`: the label itself, if the app has it, and the app's newest, if it has any."""
    if not found:
        return NotDeployed("app")
    exact = next((one for one in found if one.exact), None)
    if exact is None and dialect != "vellum" and label == DEFAULT_LABEL:
        exact = found[0]
    if exact is None:
        return NotDeployed("label")
    return exact if action in exact.names else NotDeployed("action")


def distinct(apps: Sequence[App]) -> list[App]:
    """Of apps, and of their actions, that have the same name the last alone, as the programs that define them have
    it."""
    named = {app.name: app for app in apps}
    return [App(app.name, tuple({action.name: action for action in app.actions}.values())) for app in named.values()]


def unfit(dialect: Dialect, deployment_id: str, apps: Sequence[App]) -> str | None:
    """Why this cannot be hosted, in words; None: it can."""
    if not apps:
        return "the code defines no app"
    for app in apps:
        if not app.name or len(hosted_queue(dialect, app.name)) > MAX_NAME:
            return f"the app's name {app.name[:200]!r} has {len(app.name)} characters, which is none or too many"
        for action in app.actions:
            size = len(hosted_task(deployment_id, app.name, action.name).encode(errors="replace"))
            if not action.name or size > _LONGEST_TASK:
                return f"the name of action {action.name[:200]!r} of app {app.name!r} is empty or too long"
            if not _storable(app.name + action.name):
                return f"action {action.name!r} of app {app.name!r} holds a character that no database keeps"
            if action.policy is not None and (term := _unhosted(action.policy)) is not None:
                return f"task {action.name!r} of app {app.name!r} cannot be hosted: {term}"
    return None


def _unhosted(policy: TaskPolicy) -> str | None:
    """What only works where the program that submits is the one that defines the task."""
    if policy.batch is not None:
        return "it has batch=, and hosted tasks take one payload a call: leave it out"
    functions = [key for key in (*keys_of(policy), *units_of(policy)) if is_function(key)]
    if functions:
        return (
            f"a key of its concurrency= or rate_limit= is the function {functions[0][1:-1]}, which nobody who submits "
            "can call: give a path into the payload"
        )
    return None


def _storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
