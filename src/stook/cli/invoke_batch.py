"""`stook invoke batch`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, Reach
from stook.cli.words import OutputFormatWord

if TYPE_CHECKING:
    from stook.cli.reach import Reached
    from stook.store.script.read.batch_view import BatchView

__all__ = ["invoke_batch"]


def invoke_batch(
    app: Annotated[str, Parameter(help="The app, as its code calls it.")],
    action: Annotated[str, Parameter(help="One of its actions.")],
    source: Annotated[
        str,
        Parameter(allow_leading_hyphen=True, help="A file of JSON Lines, a payload each, or - for standard input."),
    ],
    /,
    *,
    label: Annotated[str, Parameter(name=["--label", "-v"], help="The label it is deployed under.")] = "latest",
    concurrency: Annotated[
        int | None, Parameter(name=["--concurrency", "-c"], help="Invocations at once; else what the project allows.")
    ] = None,
    timeout: Annotated[int, Parameter(help="Seconds that each may run.")] = 900,
    priority: Annotated[int, Parameter(help="Higher goes first.")] = 0,
    output: Annotated[
        str,
        Parameter(name=["--output", "-o"], allow_leading_hyphen=True, help="A file, or - for standard output."),
    ] = "-",
    format: Annotated[  # noqa: A002 - the option's name
        OutputFormatWord | None, Parameter(help="Where the output's name does not tell; standard output is JSONL.")
    ] = None,
    no_wait: Annotated[bool, Parameter(help="Print the batch's id once it is submitted, and no results.")] = False,
    where: Reach = ANYWHERE,
) -> int:
    """Invoke a hosted action of a Kernel app with each payload of an input.

    One batch, of all payloads or, if one of them is bad, of none. Progress goes
    to standard error; when it has ended its results are written as by `stook
    results`, in the order of the payloads. Ctrl-C ends the watching, not the
    batch.

    Exit code: as `stook run`.
    """
    from stook.cli.dispatch import say
    from stook.cli.exits import Exit, exit_of_batch
    from stook.cli.following import follow
    from stook.cli.hosted_reach import create_batch
    from stook.cli.output import check_output, write_results
    from stook.cli.progress import choose_display
    from stook.cli.reach import in_reach
    from stook.cli.run_report import headline
    from stook.engine.options import check_count
    from stook.files.read import open_items

    check_count("--concurrency", concurrency, hint="leave it out for what the project allows")
    if not no_wait:
        check_output(output, format)
    with open_items(source, format="jsonl") as items:
        payloads = [payload for block in items for payload in block.payloads]
    options: dict[str, Any] = {"max_concurrency": concurrency, "timeout": timeout, "priority": priority}

    async def invoked(session: Reached) -> BatchView | None:
        batch_id = await create_batch(session, app, action, label, payloads, **options)
        if no_wait:
            print(batch_id)
            return None
        found = await session.engine.find(batch_id)
        say(f"batch {batch_id}: {found.counters.total:,} invocations of {app}/{action}")
        display = choose_display(quiet=False)
        try:
            view = await follow(session.engine, found.id, display, done=lambda _: False)
        finally:
            display.close()
        await write_results(session.engine.results(view.id), output, format)
        say(headline(view))
        return view

    view = in_reach(where, invoked)
    return Exit.DONE if view is None else exit_of_batch(view.state)
