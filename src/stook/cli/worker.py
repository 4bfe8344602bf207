"""`stook worker`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from stook.cli.options import HERE, Where
from stook.cli.serving_options import HostingOption

__all__ = ["worker"]


def worker(
    *modules: Annotated[
        str, Parameter(help="FILE.py or package.module, for all its tasks; :TASK behind it for one, :APP as `App.run`.")
    ],
    concurrency: Annotated[
        int, Parameter(name=["--concurrency", "-c"], help="Handler calls at once, in coroutines or threads.")
    ] = 10,
    processes: Annotated[
        int | None, Parameter(help="Run `def` handlers in so many child processes: for work that needs the CPU.")
    ] = None,
    grace: Annotated[
        float, Parameter(help="Seconds that running handlers have to end after Ctrl-C or SIGTERM.")
    ] = 30.0,
    name: Annotated[
        str | None, Parameter(help="What it is called in `stook doctor`; else its pid and a number.")
    ] = None,
    server: Annotated[
        str | None,
        Parameter(help="A server that gives the work, over HTTP alone: its address; else STOOK_SERVER, else --store."),
    ] = None,
    key: Annotated[
        str | None, Parameter(help="With --server: an API key with the scope worker; else STOOK_KEY, which `ps` hides.")
    ] = None,
    metrics_port: Annotated[
        int | None, Parameter(help="Answer Prometheus on this port of 127.0.0.1, at /metrics; 0 picks a free one.")
    ] = None,
    hosting: HostingOption = None,
    where: Where = HERE,
) -> int:
    """Work for all batches of some tasks, until stopped.

    What was deployed to the store is built and served too, in processes of its
    own, unless there is --no-hosting; with --hosting it needs no modules.

    Any number of workers may run on one store: on one machine with SQLite, on
    many with PostgreSQL. With --server a worker needs nothing but HTTP: it gets
    the work of its key's project. SIGTERM or Ctrl-C lets what runs end, writes
    its outcomes and hands the rest back; a second one ends at once.

    Exit code: 0 stopped in order, 2 a module or task is wrong, 4 the store or
    the server refused.
    """
    from stook.cli.serve_worker import serve_worker

    return serve_worker(
        modules,
        server=server,
        key=key,
        where=where,
        concurrency=concurrency,
        processes=processes,
        grace=grace,
        name=name,
        metrics_port=metrics_port,
        hosting=hosting,
    )
