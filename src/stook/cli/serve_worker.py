"""A worker from its start to its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Protocol

from stook.cli.dispatch import say
from stook.cli.log_lines import log_lines
from stook.cli.opened import check_text, opened_session, settings_of
from stook.cli.stopping import Stop
from stook.cli.worker_tasks import check_grace, definitions_of, only, tasks_of
from stook.core.errors import ConfigError
from stook.wiring.loop import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from stook.cli.options import Where
    from stook.cli.target import AnyTask
    from stook.config.settings import Settings
    from stook.worker.definition import TaskDefinition

__all__ = ["serve_worker"]

_LOOK: Final = 0.5
"""Seconds between two looks whether the worker can go on."""


class _Worker(Protocol):
    @property
    def failure(self) -> BaseException | None: ...


def serve_worker(
    modules: Sequence[str],
    *,
    server: str | None,
    key: str | None,
    where: Where,
    **how: Any,
) -> int:
    """`how`: concurrency, processes, grace and name."""
    check_grace(how["grace"])
    tasks = tasks_of(modules, "worker")
    definitions = definitions_of(tasks, processes=how["processes"] is not None)
    if how["name"] is not None:
        check_text("--name", how["name"])
    address = _server(server, key, where)
    settings = _settings(where, tasks, afar=address is not None)
    run(_afar(*address, settings, definitions, how) if address else _beside(settings, definitions, how))
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
    server: str, key: str, settings: Settings, definitions: dict[str, TaskDefinition], how: dict[str, Any]
) -> None:
    from stook.wiring.remote_work import working_from_afar

    working = working_from_afar(server, key, definitions, lease=settings.lease_seconds, **how)
    await _serve(working, definitions, how["grace"])


async def _beside(settings: Settings, definitions: dict[str, TaskDefinition], how: dict[str, Any]) -> None:
    """While the store's server is waited for there is nothing to stop in order: Ctrl-C ends it at once."""
    async with opened_session(settings) as session:
        await _serve(session.working(definitions, **how), definitions, how["grace"])


async def _serve(
    working: AbstractAsyncContextManager[_Worker], definitions: dict[str, TaskDefinition], grace: float
) -> None:
    stop = Stop(lambda: say(f"stopping: what runs may end, for {grace:g} s; once more ends at once"), lambda: None)
    with stop.listening(), log_lines(say):
        async with working as worker:
            say(f"working on {', '.join(sorted(definitions))}; Ctrl-C stops")
            while not await stop.wait(_LOOK):
                if worker.failure is not None:
                    raise worker.failure
    say("stopped")
