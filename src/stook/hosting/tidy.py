"""What hosts have made on this machine and nobody needs any more.

A folder may be shared by hosts of several stores: so nobody knows whose everything is, and what is in use is touched.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from typing import TYPE_CHECKING, Final

from stook.hosting.building import READY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["KEPT", "tidy"]

KEPT: Final = 7 * 86_400.0
"""Seconds for which something is kept that nobody has used."""


def tidy(folder: Path, used: Iterable[Path]) -> list[Path]:
    """Blocks. Touches what is `used`, and removes code and environments that nobody has touched for long, finished or
    not; returns those."""
    for place in used:
        with contextlib.suppress(OSError):
            os.utime(place / READY)
    gone = []
    for kind in ("deployments", "environments"):
        with contextlib.suppress(FileNotFoundError):
            gone += [place for place in (folder / kind).iterdir() if place.is_dir() and _is_old(place)]
    for place in gone:
        shutil.rmtree(place, ignore_errors=True)
        place.with_name(f"{place.name}.lock").unlink(missing_ok=True)
    return gone


def _is_old(place: Path) -> bool:
    for file in (place / READY, place):
        with contextlib.suppress(OSError):
            return time.time() - file.stat().st_mtime > KEPT
    return False
