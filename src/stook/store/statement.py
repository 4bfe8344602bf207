"""What a verb may ask of a database. A verb is a generator of these: it yields one, is sent the answer, and returns a
value.

Statements are named; their SQL stands in `<driver>/sql/<name>.sql`, the same names for both databases. A set of
parameter rows is one statement: SQLite runs it row by row inside C, PostgreSQL gets one array per column.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, TypeVar

import msgspec

__all__ = [
    "All",
    "Each",
    "Guard",
    "LookAgain",
    "Many",
    "Notify",
    "Now",
    "Row",
    "Run",
    "Script",
    "Shortcut",
    "Statement",
    "TryGuard",
]

Row = Sequence[Any]
T = TypeVar("T")


class All(msgspec.Struct, gc=False):
    """A query with plain parameters; answered with its rows."""

    name: str
    params: tuple[Any, ...] = ()


class Each(msgspec.Struct, gc=False):
    """A query asked for every row of parameters; answered with all rows of all answers, in no stated order."""

    name: str
    rows: Sequence[tuple[Any, ...]]


class Run(msgspec.Struct, gc=False):
    """A change with plain parameters; answered with the number of rows it changed."""

    name: str
    params: tuple[Any, ...] = ()


class Many(msgspec.Struct, gc=False):
    """A change made for every row of parameters; answered with None."""

    name: str
    rows: Sequence[tuple[Any, ...]]


class Now(msgspec.Struct, gc=False):
    """The database's clock, microseconds since the epoch."""


class Guard(msgspec.Struct, gc=False):
    """Locks on names, held to the end of the transaction; taken in sorted order. For limits, taken by
    claims only, and for keys of invocations, before any other lock."""

    names: tuple[str, ...]


class TryGuard(msgspec.Struct, gc=False):
    """As `Guard`, without waiting: answered with the names whose lock was free, or is held already."""

    names: tuple[str, ...]


class Shortcut(msgspec.Struct, gc=False):
    """A verb's plainest case as one statement that looks, decides by what it finds and writes, for a database that is
    a network away; a verb begins with it or asks for none. Answered with its rows: then the verb has taken place, and
    asks for nothing more but `Notify`. Answered with None: nothing has happened, go the long way. A database whose
    statements cost no trip always answers so.

    `again` reads the rows once more, of a shortcut whose answer was lost; without it that answer has no rows. `guards`:
    names as `Guard` locks them, for its statement to try."""

    name: str
    params: tuple[Any, ...]
    again: tuple[str, tuple[Any, ...]] | None = None
    guards: Sequence[str] | None = None


class Notify(msgspec.Struct, gc=False):
    """After the commit, wake whoever waits for these topics (`task:NAME`, `batch:HEX`), in any process."""

    topics: tuple[str, ...]


class LookAgain(Exception):
    """A verb raises it that would have to take a lock out of order: somebody was faster. What it holds is let go, and
    it runs again from its beginning."""


Statement = All | Each | Run | Many | Now | Guard | TryGuard | Shortcut | Notify
Script = Generator[Statement, Any, T]
