"""Every call about deployments, each described once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from stook.client.exact import reader
from stook.client.form_body import form_of
from stook.client.request import UPLOAD, Request, headers_of, query_of
from stook.wire.deployment import AppVersionPage, Deployment, DeploymentLogPage, DeploymentPage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stook.wire.deployment import (
        AppVersionQuery,
        DeploymentQuery,
        DeployQuery,
    )

__all__ = ["apps", "delete", "deploy", "deployment", "deployments", "follow", "logs"]


def deploy(archive: Path, words: DeployQuery, env: Mapping[str, str]) -> Request[Deployment]:
    """Sent again with the id that `words` have, it is the same deployment."""
    fields = {name: text for name, text in _query(words) if text}
    form = form_of({**fields, "env": msgspec.json.encode(dict(env)).decode()}, "archive", archive)
    return Request(
        method="POST",
        path="/deployments",
        read=reader(Deployment),
        body=form.body,
        headers=headers_of(None, form.media_type),
        repeatable=words.id is not None,
        seconds=UPLOAD,
    )


def deployments(query: DeploymentQuery) -> Request[DeploymentPage]:
    return Request(method="GET", path="/deployments", read=reader(DeploymentPage), query=_query(query))


def deployment(deployment_id: str) -> Request[Deployment]:
    return Request(method="GET", path=_path(deployment_id), read=reader(Deployment))


def delete(deployment_id: str) -> Request[None]:
    return Request(method="DELETE", path=_path(deployment_id), read=lambda _: None)


def apps(query: AppVersionQuery) -> Request[AppVersionPage]:
    return Request(method="GET", path="/apps", read=reader(AppVersionPage), query=_query(query))


def logs(deployment_id: str, after: int, since: str | None, limit: int) -> Request[DeploymentLogPage]:
    query = query_of({"after": after, "since": since, "limit": limit})
    return Request(method="GET", path=_path(deployment_id, "/logs"), read=reader(DeploymentLogPage), query=query)


def follow(deployment_id: str, after: str, since: str | None) -> Request[None]:
    query = query_of({"after": after, "since": since})
    return Request(method="GET", path=_path(deployment_id, "/follow"), read=lambda _: None, query=query)


def _path(deployment_id: str, what: str = "") -> str:
    return f"/deployments/{quote(deployment_id, safe='')}{what}"


def _query(shape: msgspec.Struct) -> tuple[tuple[str, str], ...]:
    built: dict[str, Any] = msgspec.to_builtins(shape)
    return query_of(built)
