"""`stook show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, BatchArgument, Json, Reach

if TYPE_CHECKING:
    from stook.cli.reach import Reached

__all__ = ["show"]


def show(
    batch: BatchArgument,
    /,
    *,
    item: Annotated[
        str | None,
        Parameter(help="One execution instead, by its index or its own key: every attempt, with tracebacks."),
    ] = None,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Show one batch: counters, times, failures, why it waits."""
    from stook.cli import showing
    from stook.cli.documents import print_document
    from stook.cli.reach import in_reach

    async def read(session: Reached) -> showing.Shown:
        found = await session.engine.find(batch)
        if item is None:
            return await showing.look_at_batch(session.engine, found)
        return await showing.look_at_item(session.engine, found, item)

    shown = in_reach(where, read)
    if as_json:
        print_document(shown.document())
    else:
        shown.draw()
    return 0
