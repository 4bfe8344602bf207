"""Deployments as people, and programs, read them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from stook.cli.figures import moment, one_line
from stook.cli.tables import console_for, facts, table
from stook.core.hosted import hosted_task
from stook.core.log_text import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from stook.cli.tables import Cell
    from stook.core.deployment import AppVersion, Deployment, DeploymentLogLine

__all__ = [
    "app_table",
    "deployment_document",
    "deployment_table",
    "draw_deployment",
    "line_document",
    "line_text",
    "version_document",
]


def deployment_table(found: Sequence[Deployment]) -> Table:
    return table(
        ("id", "state", "label", "*apps", "dialect", "created", "*reason"),
        (
            (
                one.id,
                one.state.value,
                one_line(one.label, 40),
                one_line(", ".join(app.name for app in one.apps), 60),
                one.dialect,
                moment(one.created_at),
                one_line(one.reason or "", 80),
            )
            for one in found
        ),
    )


def app_table(found: Sequence[AppVersion]) -> Table:
    return table(
        ("*app", "label", "deployment", "*task"),
        (
            (one_line(one.app, 40), one_line(one.label, 40), one.deployment_id, one_line(task, 200))
            for one in found
            for task in _tasks(one)
        ),
    )


def draw_deployment(one: Deployment) -> None:
    rows: list[tuple[str, Cell]] = [
        ("id", one.id),
        ("state", one.state.value),
        ("label", one_line(one.label)),
        ("runs", f"{one.dialect}, {one.runtime}, {one_line(one.entrypoint, 200)}"),
        ("archive", f"{one.archive_bytes:,} bytes, sha256 {one.checksum}"),
        ("created", moment(one.created_at)),
    ]
    if one.reason:
        rows.insert(2, ("reason", harmless(one.reason)))
    if one.env_names:
        rows.append(("environment", one_line(", ".join(one.env_names), 400)))
    rows += [
        ("task", one_line(hosted_task(one.id, app.name, action.name), 400))
        for app in one.apps
        for action in app.actions
    ]
    console_for(sys.stdout).print(facts(rows))


def line_text(line: DeploymentLogLine) -> str:
    """`2026-11-22T08:33:55.123456Z installing`, with the execution before it where there is one."""
    when = datetime.fromtimestamp(line.at / 1_000_000, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    whose = "" if line.execution_id is None else f"{line.execution_id} "
    return f"{when}Z {whose}{harmless(line.text)}"


def deployment_document(one: Deployment) -> dict[str, Any]:
    document = msgspec.to_builtins(one)
    del document["facts"]
    document["env"] = document.pop("env_names")
    document["apps"] = [
        {
            "name": app.name,
            "actions": [{"name": act.name, "task": hosted_task(one.id, app.name, act.name)} for act in app.actions],
        }
        for app in one.apps
    ]
    found: dict[str, Any] = document
    return found


def version_document(one: AppVersion) -> dict[str, Any]:
    return {
        "id": one.id,
        "app": one.app,
        "label": one.label,
        "dialect": one.dialect,
        "deployment_id": one.deployment_id,
        "tasks": _tasks(one),
        "moved_at": one.moved_at,
    }


def line_document(line: DeploymentLogLine) -> dict[str, Any]:
    return msgspec.structs.asdict(line)


def _tasks(one: AppVersion) -> list[str]:
    return [hosted_task(one.deployment_id, one.app, action.name) for action in one.actions]
