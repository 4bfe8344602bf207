"""`stook limits`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, Json, Reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.cli.reach import Reached
    from stook.store.script.read.limits import LimitRow

__all__ = ["limits"]

_END: Final = 2**31


def limits(
    *,
    queue: Annotated[str | None, Parameter(help="Of this queue.")] = None,
    task: Annotated[
        str | None, Parameter(help="Of this task. Without --queue and --task: the limit of the project.")
    ] = None,
    max_concurrency: Annotated[
        str | None, Parameter(help="Executions in flight at once, a number or `none`: no limit.")
    ] = None,
    concurrency: Annotated[
        list[str] | None,
        Parameter(
            negative=(),
            help="Of a task: n=2,key=tenant is two at once of each value; n=1,unit=group a group.",
        ),
    ] = None,
    rate_limit: Annotated[
        list[str] | None, Parameter(negative=(), help="Of a task: n=100,per=60 and, if need be, key=, burst=, units=.")
    ] = None,
    window: Annotated[
        str | None, Parameter(help="Of a task: 22:00-06:00,tz=Europe/Berlin,days=01234, or less of it. 0 is Monday.")
    ] = None,
    pause: Annotated[bool, Parameter(help="Start nothing more; what runs goes on.")] = False,
    resume: Annotated[bool, Parameter(help="Start again.")] = False,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Show limits of a project, its queues and tasks, or change one.

    A change holds from the next claim on, for every worker, until it is changed
    again or the definition of the task has another one. What is not given stays.
    --concurrency, --rate-limit and --window replace all that a task has of these;
    `none` takes them away.
    """
    from msgspec import to_builtins

    from stook.cli.documents import print_document
    from stook.cli.limit_terms import read_terms_options
    from stook.cli.reach import in_reach
    from stook.core.errors import OptionError
    from stook.core.unchanged import UNCHANGED
    from stook.wire.limit import Limit

    if pause and resume:
        raise OptionError("--pause and --resume exclude each other")
    if queue is not None and task is not None:
        raise OptionError("--queue and --task exclude each other", hint="limit each by a call of its own")
    most = UNCHANGED if max_concurrency is None else _most(max_concurrency)
    terms = read_terms_options(concurrency, rate_limit, window)
    if terms and task is None:
        raise OptionError("--concurrency, --rate-limit and --window are limits of a task", hint="give --task")
    changes = max_concurrency is not None or pause or resume or bool(terms)

    async def found(session: Reached) -> Sequence[LimitRow]:
        if changes:
            paused = pause if pause or resume else None
            change = session.engine.change_limits
            return [await change(queue=queue, task=task, max_concurrency=most, paused=paused, terms=terms)]
        rows = await session.engine.limits()
        if queue is None and task is None:
            return rows
        scope = ("task", task) if queue is None else ("queue", queue)
        return [row for row in rows if (row.scope, row.name) == scope]

    rows = in_reach(where, found)
    if as_json:
        for row in rows:
            print_document(to_builtins(Limit.of(row)))
    elif rows:
        _draw(rows)
    else:
        print("no limit")
    return 0


def _most(text: str) -> int | None:
    """Executions. Read here, since 1.5 is not to become 2."""
    from stook.core.errors import OptionError

    if text == "none":
        return None
    if text.isascii() and text.isdecimal() and 1 <= int(text) < _END:
        return int(text)
    raise OptionError(f"--max-concurrency {text} is neither a whole number ≥ 1 nor none", hint="to stop it, --pause")


def _draw(rows: Sequence[LimitRow]) -> None:
    from stook.cli.figures import count, one_line
    from stook.cli.tables import console_for, table

    console_for(sys.stdout).print(
        table(
            ("of", "*name", "#at once", "#running", "state"),
            (
                (
                    row.scope,
                    one_line(row.name, 60),
                    "no limit" if row.max_concurrency is None else count(row.max_concurrency),
                    count(row.running),
                    "paused" if row.paused else "",
                )
                for row in rows
            ),
        )
    )
    for row in rows:
        for line in _details(row):
            print(line)


def _details(row: LimitRow) -> list[str]:
    """What holds beside the number, and what the definition says where that is something else."""
    from stook.cli.figures import count, one_line
    from stook.cli.limit_terms import shown_terms

    name = one_line(row.name, 60)
    lines = [f"task {name}: {one}" for one in shown_terms(row.terms)]
    if (row.max_concurrency, row.terms) != (row.declared_concurrency, row.declared):
        plain = [] if row.declared_concurrency is None else [f"{count(row.declared_concurrency)} at once"]
        said = [*plain, *shown_terms(row.declared)]
        if said or lines:
            lines.append(f"task {name}, its definition: {'; '.join(said) or 'no limit'}")
    return lines
