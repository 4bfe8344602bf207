"""`stook edit`, `stook skip`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, Json, Reach

if TYPE_CHECKING:
    from stook.cli.reach import Reached

__all__ = ["edit", "skip"]


def edit(
    execution: Annotated[str, Parameter(help="The execution: its id; or, with --item, its batch: id, name or key.")],
    /,
    *,
    input_: Annotated[
        str,
        Parameter(
            "--input", allow_leading_hyphen=True, help="The new input, as JSON; `-` reads it from standard input."
        ),
    ],
    item: Annotated[str | None, Parameter(help="In that batch, the item with this index or key.")] = None,
    retry: Annotated[bool, Parameter(help="If it has ended badly, try it again now.")] = False,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Give one execution another input.

    It must wait, or have ended badly. Without --retry one that has ended stays
    as it is until it is retried. `stook retry --set` changes many at once.
    """
    import sys

    from stook.cli.reach import in_reach
    from stook.cli.single import find_execution, print_execution
    from stook.client.changing import edit as change
    from stook.core.errors import OptionError, PayloadError
    from stook.core.payload import decode

    content = sys.stdin.buffer.read() if input_ == "-" else input_.encode(errors="surrogateescape")
    try:
        payload = decode(content)
    except PayloadError as error:
        raise OptionError(f"--input: {error.message}", hint="like --input '{\"id\": 1}'") from None

    async def edited(session: Reached) -> None:
        batch_id, index = await find_execution(session.engine, execution, item)
        await change(session.engine, batch_id, index, payload, again=retry)
        await print_execution(session.engine, batch_id, index, "edited", as_json=as_json)

    in_reach(where, edited)
    return 0


def skip(
    *executions: Annotated[
        str, Parameter(name="EXECUTION", help="Executions: their ids; or, with --item, one batch: id, name or key.")
    ],
    item: Annotated[
        tuple[str, ...], Parameter(help="In that batch, the item with this index or key; may be given again.")
    ] = (),
    reason: Annotated[str, Parameter(help="Why, for people.")] = "skipped by user",
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """End executions as cancelled that wait or have failed.

    Nothing more is tried of them, and their batch can end. Skipped once is
    skipped. One that runs or has ended otherwise is named, and the exit code is
    1; the others are skipped all the same.
    """
    from stook.cli.dispatch import say
    from stook.cli.exits import Exit
    from stook.cli.reach import in_reach
    from stook.cli.single import find_execution, print_execution
    from stook.client.changing import skip as end
    from stook.core.errors import Conflict, OptionError

    if not executions:
        raise OptionError("skip what?", hint="give ids of executions, or a batch and --item INDEX")
    if item and len(executions) > 1:
        raise OptionError("--item is for one batch", hint="give one batch, or ids of executions")

    async def skipped(session: Reached) -> int:
        wanted = [(one, name) for one in executions for name in (item or (None,))]
        found = [await find_execution(session.engine, one, name) for one, name in wanted]
        code = Exit.DONE
        for batch_id, index in dict.fromkeys(found):
            try:
                await end(session.engine, batch_id, index, reason)
            except Conflict as error:
                say(str(error))
                code = Exit.FAILED
            else:
                await print_execution(session.engine, batch_id, index, "skipped", as_json=as_json)
        return code

    return in_reach(where, skipped)
