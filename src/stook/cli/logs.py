"""`stook logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, Json, Reach

if TYPE_CHECKING:
    from stook.cli.reach import Reached

__all__ = ["logs"]


def logs(
    execution: Annotated[str, Parameter(help="The execution: its id; or, with --item, its batch: id, name or key.")],
    /,
    *,
    item: Annotated[str | None, Parameter(help="In that batch, the item with this index or key.")] = None,
    attempt: Annotated[int | None, Parameter(help="This attempt alone.")] = None,
    follow: Annotated[bool, Parameter(help="Go on until the execution has ended.")] = False,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Show what one execution has said, attempt after attempt.

    That is what its handler told ctx.logger, what a CapturedLogs handler took,
    and what child processes wrote. What executions say while they run can be
    read after two seconds or so. Ctrl-C ends the following, not the execution.
    """
    from stook.cli.log_reading import LogReading
    from stook.cli.reach import in_reach

    async def read(session: Reached) -> None:
        reading = await LogReading.of(session.engine, execution, item, attempt)
        await reading.show(follow=follow, as_json=as_json)

    in_reach(where, read)
    return 0
