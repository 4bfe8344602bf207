"""A batch of a million items, quickly."""

from __future__ import annotations

from stook.store.script.submit import append, create_batch, seal
from tests.contract.batches import (
    chunked,
    new_batch,
    payloads,
)

__all__ = ["MILLION", "submitted"]

MILLION = 1_000_000


async def submitted(store, count, **options):
    new = new_batch(store, **options)
    await store.write(create_batch, new)
    items = payloads(512)
    for at in range(0, count, 102_400):
        here = min(102_400, count - at)
        await store.write(append, new.id, chunked(items * (here // 512) + items[: here % 512]))
    await store.write(seal, new.id)
    return new.id
