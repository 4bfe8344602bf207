"""A worker from its start to its end."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Final, Protocol

from stook.cli.hosting_beside import hosting_beside, hosts
from stook.cli.opened import check_text, settings_of
from stook.cli.serve_app import serve_app, worker_log
from stook.cli.stopping import Stop
from stook.cli.target import load_app
from stook.cli.worker_tasks import check_grace, context_of, definitions_of, only, tasks_of
from stook.config.settings import log_limits
from stook.core.errors import ConfigError
from stook.telemetry.exporting import exporting
from stook.wiring.loop import run
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from stook.cli.options import Where
    from stook.cli.server_log import Said
    from stook.cli.target import AnyTask
    from stook.config.settings import Settings
    from stook.worker.definition import TaskDefinition
    from stook.worker.meter import Meter

__all__ = ["serve_worker"]

_LOOK: Final = 0.5
"""Seconds between two looks whether the worker can go on."""


class _Worker(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def failure(self) -> BaseException | None: ...


def serve_worker(
    modules: Sequence[str],
    *,
    server: str | None,
    key: str | None,
    where: Where,
    metrics_port: int | None,
    hosting: bool | None,
    **how: Any,
) -> int:
    """`how`: concurrency, processes, grace and name."""
    check_grace(how["grace"])
    afar = server is not None or key is not None or bool(os.environ.get("STOOK_SERVER") and where.store is None)
    if afar and hosting:
        raise ConfigError("--hosting is for a worker beside its store", hint="leave it out, or give --store")
    is_host = not afar and hosts(hosting, by_default=True)
    if is_host and not modules and hosts(hosting, by_default=False):
        return _serve_host(where, metrics_port, how["grace"])
    if server is None and key is None and not os.environ.get("STOOK_SERVER") and len(modules) == 1:
        app = load_app(modules[0])
        if app is not None:
            return serve_app(app, where=where, metrics_port=metrics_port, is_host=is_host, **how)
    tasks = tasks_of(modules, "worker")
    definitions = definitions_of(tasks, processes=how["processes"] is not None)
    if how["name"] is not None:
        check_text("--name", how["name"])
    address = _server(server, key, where)
    settings = _settings(where, tasks, afar=address is not None)
    custom = context_of(tasks)
    with contextlib.ExitStack() as leaving:
        if metrics_port is not None:
            from stook.cli.metrics_port import metrics_port_open

            how["meter"] = leaving.enter_context(metrics_port_open(metrics_port))
        said = leaving.enter_context(worker_log(settings))
        leaving.enter_context(exporting())
        how["custom"] = custom
        if address is None:
            how["is_host"] = is_host
        run(_afar(*address, settings, definitions, how, said) if address else _beside(settings, definitions, how, said))
    return 0


def _server(server: str | None, key: str | None, where: Where) -> tuple[str, str] | None:
    """Address and key, where the work comes from a server."""
    if server is not None and where.store is not None:
        raise ConfigError("--server and --store are two places to get work from", hint="give one of them")
    if where.store is not None:
        if key is not None:
            raise ConfigError("--key is for a server", hint="leave it out, or give --server instead of --store")
        return None
    found = server or os.environ.get("STOOK_SERVER")
    if not found:
        if key is not None:
            raise ConfigError("--key is for a server", hint="give --server too")
        return None
    if where.project is not None:
        raise ConfigError("--project: a server gives the work of its key's project", hint="leave it out")
    secret = key or os.environ.get("STOOK_KEY")
    if not secret:
        raise ConfigError(f"the server at {found} wants a key", hint="give --key, or STOOK_KEY in the environment")
    return found, secret


def _settings(where: Where, tasks: Sequence[AnyTask], *, afar: bool) -> Settings:
    if afar:
        return settings_of(where)
    return settings_of(
        where,
        None if where.store else only("stores", [task.app.store for task in tasks]),
        None if where.project else only("projects", [task.app.project for task in tasks]),
    )


async def _afar(
    server: str, key: str, settings: Settings, definitions: dict[str, TaskDefinition], how: dict[str, Any], said: Said
) -> None:
    from stook.wiring.remote_work import working_from_afar

    working = working_from_afar(
        server, key, definitions, lease=settings.lease_seconds, logs=log_limits(settings), **how
    )
    await _serve(working, definitions, how["grace"], said)


async def _beside(settings: Settings, definitions: dict[str, TaskDefinition], how: dict[str, Any], said: Said) -> None:
    """While the store's server is waited for there is nothing to stop in order: Ctrl-C ends it at once."""
    is_host = how.pop("is_host")
    async with contextlib.AsyncExitStack() as leaving:
        session = await leaving.enter_async_context(open_session(settings))
        if is_host:
            beside = hosting_beside(session, grace=how["grace"], meter=how.get("meter"))
            await leaving.enter_async_context(beside)
        await _serve(session.working(definitions, **how), definitions, how["grace"], said)


def _serve_host(where: Where, metrics_port: int | None, grace: float) -> int:
    """No tasks of its own."""
    settings = settings_of(where)
    with contextlib.ExitStack() as leaving:
        meter = None
        if metrics_port is not None:
            from stook.cli.metrics_port import metrics_port_open

            meter = leaving.enter_context(metrics_port_open(metrics_port))
        said = leaving.enter_context(worker_log(settings))
        leaving.enter_context(exporting())
        run(_host(settings, grace, meter, said))
    return 0


async def _host(settings: Settings, grace: float, meter: Meter | None, said: Said) -> None:
    stop = Stop(
        lambda: said.talk(f"stopping: what runs may end, for {grace:g} s; once more ends at once"), lambda: None
    )
    with stop.listening():
        async with open_session(settings) as session, hosting_beside(session, grace=grace, meter=meter):
            said.talk("hosting what is deployed; Ctrl-C stops")
            while not await stop.wait(_LOOK):
                if session.presence.asked is not None:
                    raise session.presence.asked
    said.talk("stopped")


async def _serve(
    working: AbstractAsyncContextManager[_Worker], definitions: dict[str, TaskDefinition], grace: float, said: Said
) -> None:
    stopping = f"stopping: what runs may end, for {grace:g} s; once more ends at once"
    stop = Stop(lambda: said.talk(stopping), lambda: None)
    with stop.listening():
        async with working as worker:
            said.named(worker.name)
            said.talk(f"working on {', '.join(sorted(definitions))}; Ctrl-C stops")
            while not await stop.wait(_LOOK):
                if worker.failure is not None:
                    raise worker.failure
    said.talk("stopped")
