"""`stook delete`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, BatchArgument, Json, Reach

if TYPE_CHECKING:
    from stook.cli.reach import Reached

__all__ = ["delete"]


def delete(
    batch: BatchArgument,
    /,
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="Do not ask.")] = False,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Delete an ended batch and everything that belongs to it.

    It is out of sight at once; then its rows and large bodies are removed,
    which this command waits for. The same input may then be run anew.
    """
    from stook.cli.documents import print_document
    from stook.cli.exits import Exit
    from stook.cli.reach import in_reach
    from stook.cli.run_report import headline
    from stook.core.errors import OptionError

    async def deleted(session: Reached) -> str | None:
        view = await session.engine.find(batch)
        if not yes:
            if not sys.stdin.isatty():
                raise OptionError("nobody is there to ask", hint="--yes deletes without asking")
            print(f"{view.name}  {headline(view)}", file=sys.stderr)
            print(f"delete {view.public_id} for ever? [y/N] ", end="", file=sys.stderr, flush=True)
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                return None
        await session.engine.delete(view.id)
        await session.purge()
        return view.public_id

    gone = in_reach(where, deleted)
    if gone is None:
        print("nothing was deleted", file=sys.stderr)
        return Exit.WRONG
    if as_json:
        print_document({"deleted": gone})
    else:
        print(f"{gone}  deleted")
    return 0
