"""One batch with executions in every state a reader may meet, and what a reader must say of each: see `STATES`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.store.script.cancel_items import cancel_items
from stook.store.script.retry import retry
from tests.contract.batches import both, fail, send, submit_items, succeed, take_one, trouble

if TYPE_CHECKING:
    from tests.contract.checked_store import CheckedStore

__all__ = ["ERRORS", "KEYS", "STATES", "TOTAL", "mixture"]

# Chunk by chunk, ten items each:
#  0  succeeded together
# 10  failed with one of two errors; 15 to 19 succeeded one by one, last first
# 20  failed once and due later; 25 to 29 running
# 30  failed; 30 to 34 retried: two succeeded, one failed differently, one runs, one is queued
# 40  handed back, then two cancelled
# 50  running, 52 being cancelled; 55 to 59 handed back
TOTAL = 60
KEYS = [f"key-{index}" for index in range(TOTAL)]
STATES = {
    State.succeeded: [*range(10), *range(15, 20), 30, 31],
    State.failed: [10, 11, 12, 13, 14, 32, *range(35, 40)],
    State.cancelled: [40, 45],
    State.expired: [],
    State.suspended: [],
    State.scheduled: [*range(20, 25)],
    State.running: [*range(25, 30), 33, *range(50, 55)],
    State.queued: [34, *range(41, 45), *range(46, 50), *range(55, 60)],
}
ERRORS = {"boom": [10, 12, 14, *range(35, 40)], "bang": [11, 13], "else": [32]}


async def mixture(store: CheckedStore, **options) -> bytes:
    batch = await submit_items(store, TOTAL, per=10, keys=KEYS, **options)
    first, second, third, fourth = [await take_one(store, 10) for _ in range(4)]
    await send(store, succeed(first))
    bad = [trouble(at, message="bang" if at % 2 else "boom", retryable=False, traceback=f"at {at}") for at in range(5)]
    await send(store, both(second, [], bad))
    for offset in range(9, 4, -1):
        store.clock.advance(1)
        await send(store, succeed(second, [offset]))
    await send(store, fail(third, *range(5)), fail(fourth, retryable=False))
    fifth, sixth = [await take_one(store, 10) for _ in range(2)]
    await store.write(retry, batch, RetryScope(indexes=tuple(range(30, 35))))
    again = await take_one(store, 4)
    await send(store, both(again, [0, 1], [trouble(2, message="else", retryable=False)]))
    await send(store, fail(fifth, kind="released"), fail(sixth, *range(5, 10), kind="released"))
    await store.write(cancel_items, batch, [40, 45, 52])
    return batch
