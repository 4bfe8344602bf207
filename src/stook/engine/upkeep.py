"""Daily maintenance of queues, and the same by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.store.script.daily import claim_days, forget_silent
from stook.store.script.delete import purge
from stook.store.script.emit import purge_emitted
from stook.store.script.retention import drop_past
from stook.store.script.schedules import purge_schedule_runs
from stook.store.script.spent_keys import purge_spent_keys
from stook.store.script.sweep import expire_leases
from stook.store.script.terms import drop_full_buckets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from stook.engine.blobs import Blobs
    from stook.store.port import Store

__all__ = ["CHORES", "daily", "purge_all", "upkeep"]

SILENT: Final = 86_400_000_000
"""Microseconds without a sign of life, after which a worker that holds nothing is forgotten."""
BITE: Final = 1000
"""Records that one commit removes at most, or batches that it marks as gone; their rows go in bites of their own."""


async def _past_batches(store: Store, most: int) -> int:
    return await store.write(drop_past, most)


async def _silent(store: Store, most: int) -> int:
    return await store.write(forget_silent, SILENT, most)


async def _lapsed(store: Store, most: int) -> int:
    return await store.write(expire_leases, most)


async def _events(store: Store, most: int) -> int:
    return await store.write(purge_emitted, most)


async def _ended_runs(store: Store, most: int) -> int:
    return await store.write(purge_schedule_runs, most)


async def _full_buckets(store: Store, most: int) -> int:
    return await store.write(drop_full_buckets, most)


async def _spent_keys(store: Store, most: int) -> int:
    return await store.write(purge_spent_keys, most)


CHORES: list[Callable[[Store, int], Awaitable[int]]] = [
    _lapsed,
    _past_batches,
    _silent,
    _events,
    _ended_runs,
    _full_buckets,
    _spent_keys,
]
"""Each removes up to so many rows in one commit and says how many that were; 0: nothing is left to do."""


async def upkeep(store: Store, blobs: Blobs, queues: Collection[str] = ()) -> int:
    """Everything that is past its time goes, a bite at a time, and lapsed leases come back; returns how much that
    was. The day's maintenance of `queues` is done with it."""
    done = 0
    if queues:
        await store.write(claim_days, sorted(queues), forced=True)
    for chore in CHORES:
        while changed := await chore(store, BITE):
            done += changed
    await purge_all(store, blobs)
    return done


async def daily(store: Store, blobs: Blobs, queues: Collection[str]) -> list[str]:
    """`upkeep`, if it is the day's turn of one of the `queues` and nobody else has taken it; returns those that were
    taken."""
    taken = await store.write(claim_days, sorted(queues)) if queues else []
    if taken:
        await upkeep(store, blobs)
    return taken


async def purge_all(store: Store, blobs: Blobs) -> None:
    """Removes what deleted batches left."""
    while (batch_id := await store.write(purge)) is not None:
        await blobs.store.drop(batch_id)
