"""A deployment's news in order: its states, and its lines between them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from stook.core.deployment import Deployment, DeploymentLogLine, DeploymentState
from stook.store.script.deployment_log import read_log
from stook.store.script.read.deployments import read_deployment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from stook.store.port import Store

__all__ = ["follow"]

_PAGE: Final = 500
_EARLY: Final = frozenset({DeploymentState.queued, DeploymentState.building})
"""Told before the lines that are there."""
_LOOK: Final = 5.0
"""Seconds between two looks, should a notification be lost."""


async def follow(
    store: Store, project: str, deployment_id: str, after: int, since: int, idle: float
) -> AsyncIterator[Deployment | list[DeploymentLogLine] | None]:
    topic = (f"deployment:{deployment_id}",)
    loop = asyncio.get_running_loop()
    told: DeploymentState | None = None
    spoke = loop.time()
    while True:
        mark = store.mark()
        # The state before the lines: what was written before it changed is told before it.
        seen = await store.read(read_deployment, project, deployment_id)
        if seen is None:
            return
        if seen.state != told and seen.state in _EARLY:
            told = seen.state
            yield seen
        while lines := await store.read(read_log, deployment_id, after, since, _PAGE):
            after = lines[-1].number
            for news in _arranged(lines, seen, told):
                told = seen.state if news is seen else told
                yield news
            spoke = loop.time()
        if seen.state != told:
            told = seen.state
            spoke = loop.time()
            yield seen
        if seen.state.terminal:
            return
        left = spoke + idle - loop.time()
        if left <= 0:
            spoke = loop.time()
            yield None
            continue
        await store.wait(topic, min(left, _LOOK), mark)


def _arranged(
    lines: list[DeploymentLogLine], seen: Deployment, told: DeploymentState | None
) -> Iterator[Deployment | list[DeploymentLogLine]]:
    """That it runs is told between the lines of the build and all others."""
    if seen.state is not DeploymentState.running or told is seen.state:
        yield lines
        return
    at = seen.running_at or 0
    others = (n for n, line in enumerate(lines) if line.execution_id is not None or line.at > at)
    built = next(others, len(lines))
    if built:
        yield lines[:built]
    if built < len(lines):
        yield seen
        yield lines[built:]
