"""`stook failures`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, BatchArgument, Json, Reach

if TYPE_CHECKING:
    from stook.cli.failed import Failed
    from stook.cli.reach import Reached

__all__ = ["failures"]


def failures(
    batch: BatchArgument,
    /,
    *,
    group: Annotated[
        str | None, Parameter(help="The executions of one group, named by its mark or how that begins.")
    ] = None,
    traceback: Annotated[
        bool, Parameter(help="Executions with their tracebacks: of one group, else one of each.")
    ] = False,
    limit: Annotated[int, Parameter(help="How many groups, or executions of a group.")] = 20,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Show what failed, by cause.

    A group holds the failures of one cause: the same type, message without its
    particulars, and place in your code.
    """
    from stook.cli.failed import read_failed
    from stook.cli.reach import in_reach
    from stook.core.errors import OptionError

    if limit < 1:
        raise OptionError(f"--limit {limit} is less than 1")

    async def read(session: Reached) -> Failed:
        view = await session.engine.find(batch)
        return await read_failed(session.engine, view, group, limit, tracebacks=traceback)

    found = in_reach(where, read)
    found.print_lines() if as_json else found.draw()
    return 0
