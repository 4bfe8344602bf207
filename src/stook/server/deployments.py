"""Deployments of the key's project: listed, looked at, followed, deleted; and the labels of its apps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from stook.engine.deployments import no_such_deployment
from stook.server.call import answer
from stook.server.deployment_shown import deployment_of, line_of, version_of
from stook.server.flow import Flow
from stook.server.follow_deployment import follow_deployment_frames
from stook.server.refusal import Refusal
from stook.server.route import Route
from stook.server.sse import HEADERS, MEDIA_TYPE
from stook.wire.deployment import (
    AppVersionPage,
    AppVersionQuery,
    Deployment,
    DeploymentLogPage,
    DeploymentLogQuery,
    DeploymentPage,
    DeploymentQuery,
    FollowDeploymentQuery,
)
from stook.wire.stamp import micros

if TYPE_CHECKING:
    from datetime import datetime

    from stook.core import deployment as core
    from stook.server.call import Call

__all__ = ["ROUTES"]

_LONGEST = 18


async def list_deployments(call: Call) -> Response:
    query = call.query(DeploymentQuery)
    page = await call.services.deployments.list(
        call.tenant.project,
        dialect=query.dialect,
        app=query.app,
        label=query.label,
        query=query.query,
        limit=query.limit,
        offset=query.offset,
    )
    behind = str(query.offset + query.limit) if page.more else None
    return answer(DeploymentPage([deployment_of(one) for one in page.items], behind))


async def show_deployment(call: Call) -> Response:
    """A deleted one, too."""
    return answer(deployment_of(await _found(call)))


async def delete_deployment(call: Call) -> Response:
    """It is in no list any more when this answers, and what waited for it is cancelled; what runs ends as it would
    have. Twice is once."""
    found = await _found(call)
    by = call.recording("delete deployment", None, f"deployment {found.id}", if_any=True)
    await call.services.deployments.delete(call.tenant.project, found.id, by=by)
    return Response(status_code=204)


async def deployment_logs(call: Call) -> Response:
    """What its build said, and what its executions say."""
    query = call.query(DeploymentLogQuery)
    lines = await call.services.deployments.log(
        call.tenant.project,
        call.path("deployment"),
        after=query.after,
        since=_since(query.since),
        most=query.limit,
    )
    behind = str(lines[-1].number) if len(lines) >= query.limit else None
    return answer(DeploymentLogPage([line_of(one) for one in lines], behind))


async def follow_deployment(call: Call) -> Response:
    """The id of a `log` frame is the cursor to go on behind it."""
    query, found = call.query(FollowDeploymentQuery), await _found(call)
    after = _cursor(call.header("last-event-id")) or query.after
    return Flow(
        follow_deployment_frames(call, found.id, after, _since(query.since)),
        media_type=MEDIA_TYPE,
        patience=call.services.limits.drain_seconds,
        headers=HEADERS,
    )


async def list_apps(call: Call) -> Response:
    """Labels of running deployments: by app, then the one that moved last."""
    query = call.query(AppVersionQuery)
    page = await call.services.deployments.versions(
        call.tenant.project,
        dialect=query.dialect,
        app=query.app,
        label=query.label,
        query=query.query,
        deployment_id=query.deployment,
        limit=query.limit,
        offset=query.offset,
    )
    behind = str(query.offset + query.limit) if page.more else None
    return answer(AppVersionPage([version_of(one) for one in page.items], behind))


async def _found(call: Call) -> core.Deployment:
    deployment_id = call.path("deployment")
    found = await call.services.deployments.get(call.tenant.project, deployment_id)
    if found is None:
        raise no_such_deployment(deployment_id)
    return found


def _since(moment: datetime | None) -> int | None:
    return None if moment is None else micros(moment)


def _cursor(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST):
        raise Refusal(
            400,
            "option_error",
            f"{text[:100]!r} is no cursor",
            hint="it is the id of an event that was received",
            field="Last-Event-ID",
        )
    return int(text)


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/deployments",
        name="list_deployments",
        scope="read",
        handler=list_deployments,
        summary="Deployments, the newest first",
        query=DeploymentQuery,
        answers=((200, DeploymentPage),),
    ),
    Route(
        method="GET",
        path="/api/v1/deployments/{deployment}",
        name="show_deployment",
        scope="read",
        handler=show_deployment,
        summary="One deployment",
        answers=((200, Deployment),),
    ),
    Route(
        method="DELETE",
        path="/api/v1/deployments/{deployment}",
        name="delete_deployment",
        scope="operate",
        handler=delete_deployment,
        summary="Stop a deployment and forget its code",
        answers=((204, None),),
    ),
    Route(
        method="GET",
        path="/api/v1/deployments/{deployment}/logs",
        name="deployment_logs",
        scope="read",
        handler=deployment_logs,
        summary="What a deployment has said",
        query=DeploymentLogQuery,
        answers=((200, DeploymentLogPage),),
    ),
    Route(
        method="GET",
        path="/api/v1/deployments/{deployment}/follow",
        name="follow_deployment",
        scope="read",
        handler=follow_deployment,
        summary="Follow a deployment (SSE): state, log, end",
        query=FollowDeploymentQuery,
        answers=((200, MEDIA_TYPE),),
        headers=("Last-Event-ID",),
    ),
    Route(
        method="GET",
        path="/api/v1/apps",
        name="list_apps",
        scope="read",
        handler=list_apps,
        summary="Labels of hosted apps, with the tasks that run their actions",
        query=AppVersionQuery,
        answers=((200, AppVersionPage),),
    ),
]
