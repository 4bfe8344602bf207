"""Removing what invocations look at no more: rested dedupe keys, ended periods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.store.statement import Now, Run

if TYPE_CHECKING:
    from stook.store.statement import Script

__all__ = ["purge_spent_keys"]


def purge_spent_keys(limit: int = 1000) -> Script[int]:
    """Up to `limit` of each kind; returns how many there were. Nothing depends on it: what is spent counts for nothing
    while it is there."""
    now: int = yield Now()
    keys: int = yield Run("purge_rested_dedupe", (now, limit))
    throttled: int = yield Run("purge_throttle", (now, limit))
    debounced: int = yield Run("purge_debounce", (now, limit))
    return keys + throttled + debounced
