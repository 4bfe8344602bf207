"""`stook logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, Json, Reach

if TYPE_CHECKING:
    from stook.cli.reach import Reached

__all__ = ["logs"]


def logs(
    execution: Annotated[
        str,
        Parameter(help="The execution: its id; or, with --item, its batch: id, name or key. Or a deployment: its id."),
    ],
    /,
    *,
    item: Annotated[str | None, Parameter(help="In that batch, the item with this index or key.")] = None,
    attempt: Annotated[int | None, Parameter(help="This attempt alone.")] = None,
    follow: Annotated[bool, Parameter(help="Go on until it has ended.")] = False,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Show what one execution, or a deployment, has said.

    Of an execution, attempt after attempt: what its handler told ctx.logger,
    what a CapturedLogs handler took, and what child processes wrote. Of a
    deployment what its build said, and what its executions print. What is said
    can be read after two seconds or so. Ctrl-C ends the following alone.
    """
    from stook.cli.log_reading import LogReading
    from stook.cli.reach import in_reach
    from stook.core.errors import NotFound

    async def read(session: Reached) -> None:
        try:
            reading = await LogReading.of(session.engine, execution, item, attempt)
        except NotFound as error:
            if item is not None or attempt is not None or not await _of_deployment(session):
                raise error from None
            return
        await reading.show(follow=follow, as_json=as_json)

    async def _of_deployment(session: Reached) -> bool:
        """False: there is none of this id."""
        from stook.cli.deployed import show_log
        from stook.cli.deployment_reach import deployments_of

        deployments = deployments_of(session)
        try:
            await deployments.get(execution)
        except NotFound:
            return False
        await show_log(deployments, execution, follow=follow, as_json=as_json)
        return True

    in_reach(where, read)
    return 0
