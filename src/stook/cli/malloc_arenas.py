"""How glibc's malloc sets memory aside."""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import Final

__all__ = ["share_arenas"]

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of malloc.h."""
_ARENAS: Final = 2


def share_arenas() -> None:
    """Before the first thread starts. Else each of them sets 64 MiB of addresses aside, and a server that may map
    512 MiB (`ulimit -v`) has none left for its work. MALLOC_ARENA_MAX in the environment says otherwise; elsewhere than
    on glibc nothing happens."""
    if "MALLOC_ARENA_MAX" not in os.environ:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)
