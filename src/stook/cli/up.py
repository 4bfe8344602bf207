"""`stook up`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from stook.cli.serving_options import LISTEN, HostingOption, Listen, StoreOption

__all__ = ["up"]


def up(
    *modules: Annotated[str, Parameter(help="FILE.py or package.module, for all its tasks; or with :TASK for one.")],
    concurrency: Annotated[
        int, Parameter(name=["--concurrency", "-c"], help="Handler calls at once, in coroutines or threads.")
    ] = 10,
    processes: Annotated[
        int | None, Parameter(help="Run `def` handlers in so many child processes: for work that needs the CPU.")
    ] = None,
    listen: Listen = LISTEN,
    store: StoreOption = None,
    hosting: HostingOption = None,
) -> int:
    """Serve HTTP and work for batches, in one process.

    What was deployed is built and served too, in processes of its own, unless
    there is --no-hosting; with --hosting it needs no modules.

    The first start on a store makes an admin key and prints it, once; STOOK_KEY
    chooses it beforehand. SIGTERM or Ctrl-C: nothing more is claimed, what runs
    and requests under way may end, followers are told to come back; a second
    one ends at once.

    Exit code: 0 stopped in order, 2 a module, task or address is wrong, 4 the
    store refused.
    """
    from stook.cli.hosting_beside import hosts
    from stook.cli.serve_here import serve_here
    from stook.cli.worker_tasks import context_of, definitions_of, only, tasks_of

    tasks = tasks_of(modules, "up") if modules or not hosts(hosting, by_default=False) else []
    definitions = definitions_of(tasks, processes=processes is not None)
    url = None if store else only("stores", [task.app.store for task in tasks])
    how = {"concurrency": concurrency, "processes": processes, "custom": context_of(tasks)}
    return serve_here(listen, store or url, definitions, hosting=hosts(hosting, by_default=True), **how)
