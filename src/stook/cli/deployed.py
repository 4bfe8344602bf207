"""What a deployment says, to the end of its build or to its own."""

from __future__ import annotations

import sys
from contextlib import aclosing
from typing import TYPE_CHECKING

from stook.cli.deployment_tables import (
    deployment_document,
    draw_deployment,
    line_document,
    line_text,
)
from stook.cli.dispatch import say
from stook.cli.documents import print_document
from stook.core.deployment import Deployment, DeploymentState

if TYPE_CHECKING:
    from stook.client.deployments import AsyncDeployments
    from stook.core.deployment import DeploymentLogLine

__all__ = ["show_build", "show_log"]


async def show_build(deployments: AsyncDeployments, made: Deployment, *, wait: bool, as_json: bool) -> Deployment:
    """Lines go to standard error, the deployment as it is then to standard output."""
    found = made
    if wait:
        async with aclosing(deployments.follow(made.id)) as following:
            async for news in following:
                if not isinstance(news, Deployment):
                    sys.stderr.write(f"{line_text(news)}\n")
                    continue
                found = news
                if news.state is DeploymentState.queued:
                    say("waiting for a host to build it")
                if news.state.terminal or news.state is DeploymentState.running:
                    break
    if as_json:
        print_document(deployment_document(found))
    else:
        draw_deployment(found)
    return found


async def show_log(deployments: AsyncDeployments, deployment_id: str, *, follow: bool, as_json: bool) -> None:
    """`NotFound` where there is no such deployment."""
    if not follow:
        async for line in deployments.log(deployment_id):
            _print(line, as_json=as_json)
        return
    async with aclosing(deployments.follow(deployment_id)) as following:
        async for news in following:
            if not isinstance(news, Deployment):
                _print(news, as_json=as_json)
                sys.stdout.flush()


def _print(line: DeploymentLogLine, *, as_json: bool) -> None:
    if as_json:
        print_document(line_document(line))
    else:
        sys.stdout.write(f"{line_text(line)}\n")
