"""`stook run`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from stook.cli.options import HERE, Json, Where
from stook.cli.words import DuplicatesWord, InputFormatWord, OutputFormatWord

__all__ = ["run"]


def run(
    task: Annotated[
        str,
        Parameter(
            help="FILE.py:TASK or package.module:TASK. TASK is a task or a plain function; it may be left out where "
            "there is only one task."
        ),
    ],
    /,
    *,
    input: Annotated[  # noqa: A002 - the option's name
        str,
        Parameter(
            name=["--input", "-i"],
            allow_leading_hyphen=True,
            help="JSONL, JSON, CSV, TSV or Parquet, gzipped or not; a folder or a quoted pattern, each file of which "
            "is one item {path, name}; - for standard input.",
        ),
    ],
    format: Annotated[  # noqa: A002 - the option's name
        InputFormatWord | None,
        Parameter(
            help="The input's format, where its name does not tell; standard input is JSONL unless told otherwise."
        ),
    ] = None,
    output: Annotated[
        str | None,
        Parameter(
            name=["--output", "-o"],
            allow_leading_hyphen=True,
            help="Where the results go once the batch has ended: a file, or - for standard output. Every item is "
            "there, in input order, the failed ones with their error. A file appears when it is complete.",
        ),
    ] = None,
    output_format: Annotated[OutputFormatWord | None, Parameter(help="Where the output's name does not tell.")] = None,
    concurrency: Annotated[
        int, Parameter(name=["--concurrency", "-c"], help="Handler calls at once, in coroutines or threads.")
    ] = 10,
    processes: Annotated[
        int | None, Parameter(help="Run a `def` handler in so many child processes: for work that needs the CPU.")
    ] = None,
    key: Annotated[
        str | None,
        Parameter(help="The field (dotted: order.id) that holds each item's own key, unique within the input."),
    ] = None,
    duplicates: Annotated[
        DuplicatesWord,
        Parameter(help="Items with the same key: refuse the input, or keep the first or the last of them."),
    ] = "reject",
    name: Annotated[
        str | None,
        Parameter(help="The batch's name. Another name runs the same input once more."),
    ] = None,
    retry_failed: Annotated[
        bool, Parameter(help="Take the failed executions of the batch up again before going on.")
    ] = False,
    max_attempts: Annotated[
        int | None, Parameter(help="Tries of each item, for a new batch; else the task says, else 3.")
    ] = None,
    timeout: Annotated[
        float | None, Parameter(help="Seconds one try may take, for a new batch; else the task says, else no limit.")
    ] = None,
    grace: Annotated[
        float, Parameter(help="Seconds that running handlers have to end after Ctrl-C or SIGTERM.")
    ] = 30.0,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], help="Show no progress.")] = False,
    where: Where = HERE,
    as_json: Json = False,
) -> int:
    """Run a task on every item of an input, to the end.

    The same command again goes on where the last one stopped, whatever stopped
    it: the batch is known by --name, else by what the input holds, and what has
    ended never runs again. Run on a batch that has ended, it writes the output
    anew.

    The input is read once before anything runs, so a bad line is found while
    nothing has happened yet. Work then begins while items are still being
    stored; memory does not grow with their number.

    Progress goes to standard error: a bar on a terminal, else a line every five
    seconds. Ctrl-C or SIGTERM lets what runs end and keeps everything; a second
    one ends at once, which is as safe as kill -9.

    Exit code: 0 every execution succeeded, 1 some failed, 2 the command, the
    task or the input is wrong, 3 the batch was cancelled, expired or paused, 4
    the store or the disk refused, 130 interrupted.
    """
    from stook.cli.start_run import start_run

    return start_run(
        task,
        input,
        format_=format,
        output=output,
        output_format=output_format,
        concurrency=concurrency,
        processes=processes,
        key=key,
        duplicates=duplicates,
        name=name,
        retry_failed=retry_failed,
        max_attempts=max_attempts,
        timeout=timeout,
        grace=grace,
        quiet=quiet,
        where=where,
        as_json=as_json,
    )
