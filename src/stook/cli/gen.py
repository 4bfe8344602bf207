"""`stook gen`."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from cyclopts import Parameter

__all__ = ["gen"]


def gen(
    what: Annotated[Literal["types"], Parameter(help="types: a TypedDict for the row of each table.")],
    /,
    *,
    dsn: Annotated[str | None, Parameter(help="postgresql://…, where the tables are; else STOOK_URL.")] = None,
    schemas: Annotated[str, Parameter(help="Whose tables, with commas.")] = "public",
) -> int:
    """Print Python types of a database's tables.

    They are what a task with the trigger OnRow is handed as "old" and "new",
    and say how PostgreSQL writes each column as JSON. Stook need not be
    installed in that database.

    Exit code: 0 printed, 2 no such schema or no table in it, 4 the server
    cannot be reached.
    """
    from stook.core.errors import OptionError
    from stook.wiring.loop import run
    from stook.wiring.row_types import types_of

    assert what == "types"
    url = dsn or os.environ.get("STOOK_URL")
    if not url:
        raise OptionError("no database is named", hint="give --dsn postgresql://user:password@host/database")
    chosen = [one.strip() for one in schemas.split(",") if one.strip()]
    if not chosen:
        raise OptionError(f"--schemas {schemas!r} names none", hint="like --schemas public")
    print(run(types_of(url, list(dict.fromkeys(chosen)))), end="")
    return 0
