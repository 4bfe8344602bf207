"""`stook` that dies by its own hand at a verb of its store: `python -m soak.doomed_server VERB before|after up …`.

Before: nothing of what it was about to write is there. After: all of it is, and nobody has been told.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from stook.cli import main
from stook.store.postgres.driver import PostgresStore
from stook.store.sqlite.driver import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["doom"]


def doom(name: str, when: str) -> None:
    """Every store of this process dies at its first verb of that name."""
    for kind in (SqliteStore, PostgresStore):
        _doom(kind, name, when)


def _doom(kind: Any, name: str, when: str) -> None:
    write = kind.write

    async def last(self: Any, verb: Callable[..., Any], *args: Any, **options: Any) -> Any:
        # An act that is recorded is an argument of what records it.
        meant = name in {getattr(getattr(one, "func", one), "__name__", None) for one in (verb, *args)}
        if meant and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = await write(self, verb, *args, **options)
        if meant:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    kind.write = last


if __name__ == "__main__":
    doom(*sys.argv[1:3])
    sys.exit(main(sys.argv[3:]))
