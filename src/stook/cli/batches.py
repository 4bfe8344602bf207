"""`stook batches`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, Json, Reach
from stook.cli.words import BatchStateWord

if TYPE_CHECKING:
    from rich.table import Table

    from stook.cli.reach import Reached
    from stook.store.script.read.batch_view import BatchView

__all__ = ["batches"]


def batches(
    *,
    state: Annotated[tuple[BatchStateWord, ...], Parameter(help="Only those in this state; may be given again.")] = (),
    task: Annotated[str | None, Parameter(help="Only those of this task.")] = None,
    name: Annotated[str | None, Parameter(help="Only those with this in their names, whatever its case.")] = None,
    limit: Annotated[int, Parameter(help="How many at most.")] = 20,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """List batches, newest first."""
    from stook.cli.documents import batch_document, print_document
    from stook.cli.reach import in_reach
    from stook.core.errors import OptionError
    from stook.core.states import BatchState

    if limit < 1:
        raise OptionError(f"--limit {limit} is less than 1")

    async def read(session: Reached) -> tuple[list[BatchView], bool]:
        states = [BatchState(one) for one in state]
        page = await session.engine.batches(states=states, task=task, name=name, limit=limit)
        return page.batches, page.after is not None

    found, more = in_reach(where, read)
    if as_json:
        for view in found:
            print_document(batch_document(view))
        return 0
    if not found:
        print("no batches" if not (state or task or name) else "no such batches")
        return 0
    from stook.cli.tables import console_for

    console = console_for(sys.stdout)
    console.print(_drawn(found))
    if more:
        console.print(f"\nand older ones: --limit {limit * 5}")
    return 0


def _drawn(found: list[BatchView]) -> Table:
    from stook.cli.figures import count, moment, one_line, share
    from stook.cli.tables import table

    return table(
        ("id", "*name", "state", "#done", "#total", "#failed", "submitted"),
        (
            (
                view.public_id,
                one_line(view.name, 60),
                view.state.value,
                share(view.counters.terminal, view.counters.total),
                count(view.counters.total),
                count(view.counters.failed),
                moment(view.created_at),
            )
            for view in found
        ),
    )
