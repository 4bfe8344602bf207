"""`stook demo`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from stook.cli.options import HERE, Where

__all__ = ["demo"]


def demo(
    *,
    processes: Annotated[int | None, Parameter(help="Child processes; else one for each processor.")] = None,
    where: Where = HERE,
) -> int:
    """Run a batch over this machine's own Python standard library.

    Each source file, tests included, is parsed and its functions are counted.
    Some of them are there to be refused by Python: they fail, on purpose, so
    that there are failures to look at. The store is a new one in a temporary
    folder unless --store names another.

    Exit code: 0 also though some items fail, 130 interrupted, 4 the store
    refused.
    """
    from stook.cli.show_demo import show_demo

    return show_demo(processes=processes, where=where)
