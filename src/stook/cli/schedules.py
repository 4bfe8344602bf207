"""`stook schedules`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, Json, Reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.cli.reach import Reached
    from stook.core.schedule import Schedule

__all__ = ["schedules"]


def schedules(
    *,
    task: Annotated[str | None, Parameter(help="Of this task.")] = None,
    name: Annotated[str | None, Parameter(help="With --task: the schedule of this name.")] = None,
    pause: Annotated[bool, Parameter(help="Let its ticks pass; what runs goes on.")] = False,
    resume: Annotated[bool, Parameter(help="Go on with its next tick.")] = False,
    delete: Annotated[bool, Parameter(help="Remove it, and cancel what it started.")] = False,
    keep_running: Annotated[bool, Parameter(help="With --delete: leave alone what runs.")] = False,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Show schedules; pause, resume or delete one.

    One that stands in the code of its task comes back when its program starts:
    pause it, or change the code.
    """
    from stook.cli.documents import print_document
    from stook.cli.reach import in_reach
    from stook.core.errors import NotFound

    _check(pause + resume + delete, task, name, delete=delete, keep_running=keep_running)
    chosen = (task or "", name or "")

    async def found(session: Reached) -> Sequence[Schedule]:
        if delete and not await session.engine.unschedule(*chosen, cancel_running=not keep_running):
            raise NotFound(f"task {task!r} has no schedule {name!r}", hint="`stook schedules` shows those there are")
        if pause:
            return [await session.engine.pause_schedule(*chosen)]
        if resume:
            return [await session.engine.resume_schedule(*chosen)]
        if delete:
            return []
        return [one for one in await session.engine.schedules(task) if name in (None, one.name)]

    rows = in_reach(where, found)
    if as_json:
        for row in rows:
            print_document(_document(row))
    elif rows:
        _draw(rows)
    else:
        print("deleted" if delete else "no schedules")
    return 0


def _check(acts: int, task: str | None, name: str | None, *, delete: bool, keep_running: bool) -> None:
    from stook.core.errors import OptionError

    if acts > 1:
        raise OptionError("--pause, --resume and --delete exclude each other")
    if keep_running and not delete:
        raise OptionError("--keep-running goes with --delete")
    if (acts or name is not None) and (task is None or name is None):
        raise OptionError("name one schedule: --task and --name", hint="`stook schedules` shows those there are")


def _document(row: Schedule) -> dict[str, Any]:
    import msgspec

    document = msgspec.structs.asdict(row)
    for name in ("next_at", "last_at"):
        at = document[name]
        document[name] = None if at is None else round(at.timestamp() * 1_000_000)
    return document


def _draw(rows: Sequence[Schedule]) -> None:
    from stook.cli.figures import one_line
    from stook.cli.tables import console_for, table

    console_for(sys.stdout).print(
        table(
            ("*task", "*name", "cron", "zone", "next (UTC)", "state"),
            (
                (
                    one_line(row.task, 40),
                    one_line(row.name, 40),
                    row.cron,
                    row.tz,
                    "" if row.next_at is None else f"{row.next_at:%Y-%m-%d %H:%M:%S}",
                    "paused" if row.paused else one_line(row.trouble or "", 60),
                )
                for row in rows
            ),
        )
    )
