"""One follower of a deployment."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from stook.core.deployment import Deployment
from stook.core.errors import StookError
from stook.server.call import as_json
from stook.server.deployment_shown import deployment_of, line_of
from stook.server.refusal import refusal_of
from stook.server.sse import BEAT, RETRY, frame
from stook.server.until_stopping import until_stopping
from stook.wire.problem import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from stook.server.call import Call

__all__ = ["follow_deployment_frames"]


async def follow_deployment_frames(
    call: Call, deployment_id: str, after: int, since: int | None
) -> AsyncGenerator[bytes]:
    """`state` whenever it is another, `log` for each line, `end` behind the last."""
    services = call.services
    news = services.deployments.follow(
        call.tenant.project, deployment_id, after=after, since=since, idle=services.limits.heartbeat
    )
    try:
        async with contextlib.aclosing(until_stopping(news, services.channels.stopping)) as following:
            async for one in following:
                if one is None:
                    yield BEAT
                elif isinstance(one, Deployment):
                    shown = as_json(deployment_of(one))
                    yield frame("state", shown)
                    if one.state.terminal:
                        yield frame("end", shown)
                        return
                else:
                    for line in one:
                        yield frame("log", as_json(line_of(line)), line.number)
        yield RETRY
    except StookError as error:
        yield frame("error", as_json(Refused(refusal_of(error).problem)))
