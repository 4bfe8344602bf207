"""Invocations under one key come one after the other, where more is to be decided than who holds it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from stook.store.statement import Guard

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stook.core.invocation import NewItem
    from stook.store.statement import Script

__all__ = ["hold_gates"]

_GATES: Final = 256
"""Of each task: as many locks at most, however many keys there are. Keys that share one only wait for each other."""


def hold_gates(project: str, items: Iterable[tuple[str, NewItem]]) -> Script[None]:
    """To the end of the transaction. Comes before any other lock; those who only ask who holds a key take none."""
    names: set[str] = set()
    for task, item in items:
        if item.gated:
            keys = {
                item.dedupe,
                None if item.throttle is None else item.throttle.key,
                None if item.debounce is None else item.debounce.key,
            }
            names.update(_name(project, task, key) for key in keys if key is not None)
    if names:
        yield Guard(tuple(sorted(names)))


def _name(project: str, task: str, key: str) -> str:
    gate = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=2).digest(), "big") % _GATES
    return f"invoke:{project}\0{task}\0{gate}"
