"""The database's clock, for whoever has to wait for a time it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.store.statement import Now

if TYPE_CHECKING:
    from stook.store.statement import Script

__all__ = ["read_clock"]


def read_clock() -> Script[int]:
    now: int = yield Now()
    return now
