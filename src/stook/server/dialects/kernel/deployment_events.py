"""Following a deployment: what its build and its invocations say, and what becomes of it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from stook.core.deployment import Deployment, DeploymentState
from stook.core.errors import StookError
from stook.server.dialects.kernel.shown import app_version_summary, deployment
from stook.server.dialects.kernel.stream import beat, event, failed, log_event, stopping
from stook.server.until_stopping import until_stopping

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from stook.server.call import Call

__all__ = ["deployment_frames"]

_PAGE: Final = 100
_UNFINISHED: Final = (DeploymentState.queued, DeploymentState.building)


async def deployment_frames(call: Call, found: Deployment, since: int | None) -> AsyncGenerator[bytes]:
    """Clients stop reading at `running`, so that everything of the build comes before; the stream goes on with what
    invocations say, until it is stopped or has failed. `since` is for lines alone."""
    services = call.services
    told: DeploymentState | None = None
    if found.state in _UNFINISHED:
        yield _state(call, found)
        told = found.state
    news = services.deployments.follow(call.tenant.project, found.id, since=since, idle=services.limits.heartbeat)
    try:
        async with contextlib.aclosing(until_stopping(news, services.channels.stopping)) as following:
            async for one in following:
                if one is None:
                    yield beat(call)
                elif not isinstance(one, Deployment):
                    for line in one:
                        yield log_event(line.at, line.text)
                elif one.state is not told:
                    told = one.state
                    async for piece in _news(call, one):
                        yield piece
    except StookError as error:
        yield failed(call, error)
        return
    if told is None or not told.terminal:
        yield stopping(call)


async def _news(call: Call, found: Deployment) -> AsyncGenerator[bytes]:
    """Its state, behind what it is that runs."""
    offset, more = 0, found.state is DeploymentState.running
    while more:
        page = await call.services.deployments.versions(
            call.tenant.project, dialect="kernel", deployment_id=found.id, limit=_PAGE, offset=offset
        )
        at = call.services.clock()
        for one in page.items:
            summary = app_version_summary(one)
            yield event(
                "app_version_summary",
                at,
                id=summary.id,
                app_name=summary.app_name,
                version=summary.version,
                region=summary.region,
                actions=summary.actions,
            )
        offset, more = offset + _PAGE, page.more
    yield _state(call, found)


def _state(call: Call, found: Deployment) -> bytes:
    return event("deployment_state", call.services.clock(), deployment=deployment(found))
