"""A deployment that was built begins to run: its tasks are there, labels move to it, what has lost its last one stops.

Lock order: the project's labels; deployments by id; then what `see_tasks` locks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from stook.core.deployment import AppVersion, DeploymentEvent, DeploymentState
from stook.core.deployment_labels import distinct, is_shelved, label_conflict, labels_of, unfit
from stook.core.hosted import Dialect, hosted_policy, hosted_task, version_id
from stook.store.script.deployment_build import lock_build
from stook.store.script.deployment_row import (
    actions_of,
    change_state,
    labels_guard,
    lock_deployments,
    save_deployments,
    with_apps,
)
from stook.store.script.task_row import see_tasks
from stook.store.statement import All, Each, Many, Now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stook.core.deployment import App, Deployment
    from stook.store.script.deployment_row import DeploymentRow
    from stook.store.statement import Row, Script

__all__ = ["move_label", "publish", "version_of"]

_encode = msgspec.json.Encoder(order="sorted").encode
_names = msgspec.json.Decoder(tuple[str, ...]).decode


def publish(token: int, apps: Sequence[App], facts: Mapping[str, Any], between: int) -> Script[Deployment | None]:
    """None: the token is not valid any more. `facts` are added to its own, and replace them. `between` as in
    `see_tasks`."""
    found: list[Row] = yield All("look_hosted_build", (token,))
    if not found:
        return None
    yield from labels_guard(found[0][0])
    row = yield from lock_build(token)
    if row is None:
        return None
    now: int = yield Now()
    told = {**row.told, **facts}
    apps = distinct(apps)
    row.facts = msgspec.json.encode(told).decode()
    dialect = cast("Dialect", row.dialect)
    if is_shelved(dialect, told):
        change_state(row, DeploymentEvent.shelve)
        yield from save_deployments([row], now)
        return (yield from with_apps([row]))[0]
    reason = unfit(dialect, row.id, apps)
    labels = labels_of(dialect, row.id, row.label, told)
    keys = [(row.project, row.dialect, app.name, label) for app in apps for label in labels]
    before: list[Row] = [] if reason else (yield Each("read_hosted_versions", sorted(set(keys))))
    if reason is None:
        taken = sorted({app for _, _, app, *_ in before})
        reason = label_conflict(dialect, row.label, taken, force=bool(row.force))
    if reason is not None:
        change_state(row, DeploymentEvent.fail, reason)
        yield from save_deployments([row], now)
        return (yield from with_apps([row]))[0]
    change_state(row, DeploymentEvent.publish)
    row.running_at = now
    yield from save_deployments([row], now)
    yield from _register(row, apps, between)
    yield from _label(row, keys, before, now)
    return (yield from with_apps([row]))[0]


def move_label(project: str, dialect: Dialect, app: str, label: str, deployment_id: str) -> Script[AppVersion | None]:
    """None: there is no running deployment of this id with such an app."""
    yield from labels_guard(project)
    row = (yield from lock_deployments((deployment_id,))).get(deployment_id)
    if row is None or (row.project, row.dialect) != (project, dialect) or row.state != DeploymentState.running.value:
        return None
    if not any(one.name == app for one in (yield from with_apps([row]))[0].apps):
        return None
    now: int = yield Now()
    key = (project, dialect, app, label)
    before: list[Row] = yield Each("read_hosted_versions", [key])
    yield from _label(row, [key], before, now)
    found: list[Row] = yield All("find_hosted_version", (version_id(*key), project))
    return version_of(found[0])


def _register(row: DeploymentRow, apps: Sequence[App], between: int) -> Script[None]:
    dialect = cast("Dialect", row.dialect)
    listed, tasks = [], []
    for app in apps:
        names = msgspec.json.encode([action.name for action in app.actions]).decode()
        actions = msgspec.json.encode(app.actions).decode()
        listed.append((row.id, app.name, row.project, row.dialect, app.name.lower(), names, actions))
        for action in app.actions:
            policy = hosted_policy(dialect, app.name, action)
            said = msgspec.json.encode(policy).decode()
            schema = None if action.policy is None or action.input_schema is None else _encode(action.input_schema)
            tasks.append((hosted_task(row.id, app.name, action.name), policy.queue, said, schema))
    yield Many("insert_hosted_app", listed)
    if tasks:
        yield from see_tasks(tasks, between, row.project)


def _label(
    row: DeploymentRow, keys: Sequence[tuple[str, str, str, str]], before: Sequence[Row], now: int
) -> Script[None]:
    """Moves labels, and stops whoever has none left. The caller holds the project's labels."""
    rows = [(*key, version_id(key[0], cast("Dialect", key[1]), *key[2:]), row.id, now) for key in sorted(set(keys))]
    yield Many("upsert_hosted_version", rows)
    replaced = {one[5] for one in before} - {row.id}
    if not replaced:
        return
    left: list[Row] = yield Each("labelled_deployments", [(one,) for one in sorted(replaced)])
    bare = yield from lock_deployments(replaced - {one for (one,) in left})
    yield from save_deployments([one for one in bare.values() if change_state(one, DeploymentEvent.stop)], now)


def version_of(row: Row) -> AppVersion:
    """Columns of `find_hosted_version.sql` and its like."""
    project, dialect, app, label, id_, deployment_id, moved_at, actions, env_names = row
    return AppVersion(
        id=id_,
        project=project,
        dialect=dialect,
        app=app,
        label=label,
        deployment_id=deployment_id,
        actions=actions_of(actions),
        env_names=_names(env_names),
        moved_at=moved_at,
    )
