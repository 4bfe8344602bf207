"""`stook cancel`, `stook pause`, `stook resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, BatchArgument, Json, Reach

if TYPE_CHECKING:
    from stook.cli.reach import Reached

__all__ = ["BY_HAND", "cancel", "pause", "resume"]

BY_HAND: Final = "paused by user"
"""Why a batch is paused that a person paused: whoever works on it waits for that person."""


def cancel(
    batch: BatchArgument,
    /,
    *,
    hard: Annotated[bool, Parameter(help="Also stop what runs; else it may end.")] = False,
    index: Annotated[
        tuple[int, ...], Parameter(help="Only the item of this index; may be given again, running ones are stopped.")
    ] = (),
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Cancel a batch, or some of its executions.

    Nothing more of it starts. What has ended stays as it is. Cancelled
    executions can be taken up again with `stook retry ID --state cancelled`.
    """
    from stook.cli.acting import act
    from stook.core.errors import OptionError

    if hard and index:
        raise OptionError("--hard is for whole batches", hint="single executions that run are stopped anyway")

    async def do(session: Reached, batch_id: bytes) -> str:
        if not index:
            await session.engine.cancel(batch_id, hard=hard)
            return ""
        answer = await session.engine.cancel_items(batch_id, index)
        return f"{len(answer.ended)} cancelled, {len(answer.asked)} being stopped, {len(answer.passed)} had ended"

    return act(batch, do, where=where, as_json=as_json)


def pause(batch: BatchArgument, /, *, where: Reach = ANYWHERE, as_json: Json = False) -> int:
    """Hold a batch back; what runs goes on.

    A `stook run` or `stook watch` of it waits meanwhile.
    """
    from stook.cli.acting import act

    async def do(session: Reached, batch_id: bytes) -> str:
        await session.engine.pause(batch_id, reason=BY_HAND)
        return ""

    return act(batch, do, where=where, as_json=as_json)


def resume(
    batch: BatchArgument,
    /,
    *,
    ramp: Annotated[
        bool, Parameter(negative="--no-ramp", help="Let concurrency grow over ten seconds, or be whole at once.")
    ] = True,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Let a paused batch go on."""
    from stook.cli.acting import act

    async def do(session: Reached, batch_id: bytes) -> str:
        await session.engine.resume(batch_id, ramp=ramp)
        return ""

    return act(batch, do, where=where, as_json=as_json)
