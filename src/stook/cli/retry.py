"""`stook retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, BatchArgument, Json, Reach
from stook.cli.words import RetriedWord

if TYPE_CHECKING:
    from stook.cli.reach import Reached

__all__ = ["retry"]


def retry(
    batch: BatchArgument,
    /,
    *,
    failed: Annotated[bool, Parameter(help="All that failed.")] = False,
    group: Annotated[
        str | None, Parameter(help="Those of one failure group, named by its mark or how that begins.")
    ] = None,
    index: Annotated[
        tuple[int, ...],
        Parameter(help="The item of this index, if it failed, was cancelled or expired; may be given again."),
    ] = (),
    state: Annotated[tuple[RetriedWord, ...], Parameter(help="All that ended so; may be given again.")] = (),
    probe: Annotated[
        int | None, Parameter(help="So many first; the rest follows by itself once half of them have succeeded.")
    ] = None,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Take failed executions up again, in the same batch.

    They are queued with all their attempts before them, and the batch is open
    again until they have ended; what succeeded is not touched. This command
    runs nothing: a worker does, or the `stook run` command that made the batch.
    """
    from stook.cli.acting import act
    from stook.cli.failed import find_group
    from stook.cli.figures import plural
    from stook.core.errors import OptionError
    from stook.core.retry_scope import RetryScope

    if not (failed or group or index or state):
        raise OptionError("retry what?", hint="--failed, --group MARK, --index N or --state cancelled")
    if probe is not None and probe < 1:
        raise OptionError(f"--probe {probe} is less than 1")
    if group is not None and state:
        raise OptionError("--group and --state exclude each other", hint="a group holds what failed")
    states = tuple(dict.fromkeys((*(("failed",) if failed or group else ()), *state)))
    scope = RetryScope(states or ("failed", "cancelled", "expired"), group, index or None)

    async def do(session: Reached, batch_id: bytes) -> str:
        chosen = scope
        if group is not None:
            mark = find_group(await session.engine.failure_groups(batch_id), group).fingerprint
            chosen = RetryScope(scope.states, mark)
        queued = await session.engine.retry(batch_id, chosen, probe=probe)
        return f"{plural(queued, 'execution')} queued again"

    return act(batch, do, where=where, as_json=as_json)
