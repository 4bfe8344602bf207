"""A server, with workers or without, from its start to its end."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Final

from stook.cli.hosting_beside import hosting_beside, hosts
from stook.cli.malloc_arenas import share_arenas
from stook.cli.ready_file import check_ready_file, write_ready_file
from stook.cli.server_log import server_log
from stook.cli.stopping import Stop
from stook.cli.worker_tasks import check_grace
from stook.config.settings import read_settings
from stook.core.errors import OptionError
from stook.telemetry.exporting import exporting
from stook.wiring.loop import run
from stook.wiring.serving import check_server_installed, serving
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from stook.cli.server_log import Said
    from stook.cli.serving_options import Listen
    from stook.config.settings import Settings
    from stook.wiring.serving import Served
    from stook.worker.definition import TaskDefinition

__all__ = ["serve_here"]

_LOOK: Final = 0.5
"""Seconds between two looks whether the worker can go on."""
_PORTS: Final = 65_536


def serve_here(
    listen: Listen, url: str | None, definitions: dict[str, TaskDefinition], *, hosting: bool | None, **how: Any
) -> int:
    """`how` the worker works: concurrency, processes, custom. `hosting`: None says what the settings do."""
    check_grace(listen.grace)
    if not 0 <= listen.port < _PORTS:
        raise OptionError(f"--port {listen.port} is not between 0 and {_PORTS - 1}")
    check_server_installed()
    share_arenas()
    if listen.ready_file is not None:
        check_ready_file(listen.ready_file)
    settings = read_settings(url=url)
    how["hosting"] = hosts(hosting, by_default=False)
    run(_serve(settings, listen, definitions, how))
    return 0


async def _serve(
    settings: Settings, listen: Listen, definitions: dict[str, TaskDefinition], how: dict[str, Any]
) -> None:
    """The worker stops first, while its followers still hear how its work ends; then the server."""
    with server_log(settings) as said, exporting():
        await _serve_aloud(settings, listen, definitions, how, said)


async def _serve_aloud(
    settings: Settings, listen: Listen, definitions: dict[str, TaskDefinition], how: dict[str, Any], said: Said
) -> None:
    stopping = f"stopping: what runs may end, for {listen.grace:g} s; once more ends at once"
    stop = Stop(lambda: said.talk(stopping), _nothing)
    with stop.listening():
        async with contextlib.AsyncExitStack() as leaving:
            session = await leaving.enter_async_context(open_session(settings))
            await leaving.enter_async_context(session.maintained())
            chosen = os.environ.get("STOOK_KEY") or None
            served = await leaving.enter_async_context(
                serving(session, host=listen.host, port=listen.port, grace=listen.grace, key=chosen)
            )
            if how.pop("hosting"):
                beside = hosting_beside(session, grace=listen.grace, url=served.url, meter=served.meter)
                await leaving.enter_async_context(beside)
            how |= {"grace": listen.grace, "meter": served.meter}
            working = session.working(definitions, **how) if definitions else None
            runtime = None if working is None else await leaving.enter_async_context(working)
            if runtime is not None:
                said.named(runtime.name)
            _announce(served, sorted(definitions), chosen, said)
            if listen.ready_file is not None:
                write_ready_file(listen.ready_file, served.url, served.key)
            while not await stop.wait(_LOOK):
                if session.presence.asked is not None:
                    raise session.presence.asked
                if runtime is not None and runtime.failure is not None:
                    raise runtime.failure
    said.talk("stopped")


def _announce(served: Served, tasks: list[str], chosen: str | None, said: Said) -> None:
    """Address and key are what the command puts out; all else is talk."""
    print(f"address  {served.url}", flush=True)
    if served.is_new and chosen is None:
        print(f"key      {served.key}  (of the first admin, shown this once)", flush=True)
    elif served.is_new:
        print("key      the one in STOOK_KEY, of the first admin", flush=True)
    what = f"working on {', '.join(tasks)}" if tasks else "serving"
    said.talk(f"{what}; Ctrl-C stops")


def _nothing() -> None:
    """Nothing is drawn on the terminal that had to be put in order."""
