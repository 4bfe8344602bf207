"""Standard output for results alone: whatever handlers, their libraries or their child processes print meanwhile goes
to standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["prints_aside"]

_OUT, _ERR = 1, 2


@contextlib.contextmanager
def prints_aside(*, wanted: bool = True) -> Iterator[None]:
    if not wanted:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(_OUT)
    os.dup2(_ERR, _OUT)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, _OUT)
        os.close(kept)
