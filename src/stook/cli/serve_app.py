"""A worker for all tasks of an app, by its own orchestrator."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from stook.cli.dispatch import say
from stook.cli.hosting_beside import hosting_beside
from stook.cli.log_lines import log_lines
from stook.cli.opened import check_text, settings_of
from stook.cli.server_log import Said, server_log
from stook.core.errors import ConfigError
from stook.telemetry.exporting import exporting
from stook.wiring.loop import run
from stook.wiring.session import open_session
from stook.wiring.worker_config import WorkerConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractAsyncContextManager

    from stook.cli.options import Where
    from stook.config.settings import Settings
    from stook.wiring.app import App
    from stook.wiring.orchestrator import Orchestrator
    from stook.worker.meter import Meter

__all__ = ["serve_app", "worker_log"]


def serve_app(
    app: App,
    *,
    where: Where,
    metrics_port: int | None,
    concurrency: int,
    processes: int | None,
    grace: float,
    name: str | None,
    is_host: bool,
) -> int:
    """As `App.run`, on the store that the command names, if it does."""
    if name is not None:
        check_text("--name", name)
    settings = settings_of(where, app.store, app.project)
    app.store, app.project = settings.url, settings.project
    queues = sorted({task.policy.queue for task in app.tasks.values()})
    if not queues:
        raise ConfigError(f"app {app.name!r} has no task to work on", hint="define one with @app.task")
    config = WorkerConfig(concurrency=concurrency, processes=processes, grace=max(grace, _LEAST_GRACE))
    names = {queue: name if len(queues) == 1 or name is None else f"{name}-{queue}" for queue in queues}
    workers = [app.worker(queue, name=names[queue], **config.options()) for queue in queues]
    with contextlib.ExitStack() as leaving:
        meter = None
        if metrics_port is not None:
            from stook.cli.metrics_port import metrics_port_open

            meter = leaving.enter_context(metrics_port_open(metrics_port))
        said = leaving.enter_context(worker_log(settings))
        leaving.enter_context(exporting())
        leaving.callback(app.close)
        beside = _host(settings, grace, meter) if is_host else contextlib.nullcontext()
        run(_run(app.orchestrator(workers=workers, meter=meter), sorted(app.tasks), grace, said, beside))
    return 0


_LEAST_GRACE = 1e-9
"""Seconds: none, to a worker whose numbers are more than 0."""


@contextlib.contextmanager
def worker_log(settings: Settings) -> Iterator[Said]:
    """For people: errors when all is over, unless the command ends with one of its own."""
    if settings.log_format == "json":
        with server_log(settings) as said:
            yield said
    else:
        with log_lines(say, settings.log_level.upper()):
            yield Said(say, lambda _: None)


@contextlib.asynccontextmanager
async def _host(settings: Settings, grace: float, meter: Meter | None) -> AsyncIterator[None]:
    async with open_session(settings) as session, hosting_beside(session, grace=grace, meter=meter):
        yield


async def _run(
    orchestrator: Orchestrator,
    tasks: list[str],
    grace: float,
    said: Said,
    beside: AbstractAsyncContextManager[None],
) -> None:
    orchestrator.on_signal = lambda name: said.talk(f"{name}: stopping, what runs may end, for {grace:g} s")
    async with beside:
        running = asyncio.ensure_future(orchestrator.run())
        begun = asyncio.ensure_future(_begun(orchestrator))
        await asyncio.wait({running, begun}, return_when=asyncio.FIRST_COMPLETED)
        if begun.done():
            said.talk(f"working on {', '.join(tasks)}; Ctrl-C stops")
        begun.cancel()
        await running
    said.talk("stopped")


async def _begun(orchestrator: Orchestrator) -> None:
    await orchestrator.started
