"""`stook results`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, BatchArgument, Reach
from stook.cli.words import OutputFormatWord, StateWord

if TYPE_CHECKING:
    from stook.cli.reach import Reached

__all__ = ["results"]


def results(
    batch: BatchArgument,
    /,
    *,
    output: Annotated[
        str,
        Parameter(name=["--output", "-o"], allow_leading_hyphen=True, help="A file, or - for standard output."),
    ] = "-",
    format: Annotated[  # noqa: A002 - the option's name
        OutputFormatWord | None, Parameter(help="Where the output's name does not tell; standard output is JSONL.")
    ] = None,
    state: Annotated[tuple[StateWord, ...], Parameter(help="Only executions in this state; may be given again.")] = (),
    as_settled: Annotated[
        bool, Parameter(help="Only what has ended, in the order it did; retried ones come once for each end.")
    ] = False,
    follow: Annotated[bool, Parameter(help="As --as-settled, and on until the batch has ended.")] = False,
    where: Reach = ANYWHERE,
) -> int:
    """Write the results of a batch, joined with their inputs.

    One row an execution, in input order, as it is now: index, key, id, state,
    input, result, error, attempts, duration in seconds. A file appears when it
    is complete.
    """
    from stook.cli.dispatch import say
    from stook.cli.output import check_output, write_results
    from stook.cli.reach import in_reach

    async def written(session: Reached) -> int:
        view = await session.engine.find(batch)
        if not view.state.terminal and not follow:
            say(f"the batch is {view.state.value}: {view.counters.terminal:,} of {view.counters.total:,} have ended")
        if as_settled or follow:
            pages = session.engine.settled(view.id, live=follow)
        else:
            pages = session.engine.results(view.id)
        return await write_results(pages, output, format, lambda row: not state or row.state.name in state)

    check_output(output, format)
    rows = in_reach(where, written)
    if output != "-":
        say(f"{rows:,} rows written to {output}")
    return 0
