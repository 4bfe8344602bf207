"""`stook doctor`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stook.cli.options import HERE, Json, Where

if TYPE_CHECKING:
    from stook.cli.checks import Finding
    from stook.wiring.session import Session

__all__ = ["doctor"]


def doctor(
    *,
    repair: Annotated[
        bool, Parameter(help="Make right what a recount finds wrong: counters, and executions that wait nowhere.")
    ] = False,
    batches: Annotated[int, Parameter(help="How many of the newest batches are counted again.")] = 50,
    where: Where = HERE,
    as_json: Json = False,
) -> int:
    """Look for what is wrong with the store, its batches and workers.

    Is the store reachable, durable, on a local disk with room left; do its
    clock and this machine's agree; which workers live, which have died; are the
    counters of batches what a recount gives; why does nothing run.

    Exit code: 0 nothing is wrong (there may be warnings), 1 something is, 4 the
    store cannot be opened.
    """
    from stook.cli.checks import check_opening, check_program, check_store
    from stook.cli.documents import print_document
    from stook.cli.exits import Exit, exit_of_error
    from stook.cli.opened import in_session, settings_of
    from stook.core.errors import OptionError, StookError
    from stook.wiring.loop import run

    if batches < 1:
        raise OptionError(f"--batches {batches} is less than 1")

    async def check(session: Session) -> list[Finding]:
        return await check_store(session, newest=batches, repair=repair)

    found = check_program()
    code = Exit.DONE
    try:
        run(check_opening(settings_of(where)))
        found += in_session(where, check)
    except StookError as error:
        found.append(("store", "wrong", str(error)))
        code = exit_of_error(error)
    if as_json:
        for name, verdict, text in found:
            print_document({"check": name, "verdict": verdict, "text": text})
    else:
        from stook.cli.tables import console_for, table

        console_for(sys.stdout).print(table(("check", "verdict", "*"), found))
    return code or (Exit.FAILED if any(verdict == "wrong" for _, verdict, _ in found) else Exit.DONE)
