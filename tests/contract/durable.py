"""Short words for executions that wait and remember: what a worker would tell the store of them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.memo import Memo
from stook.core.outcome import Settlement, Trouble
from stook.core.wait import ChildCall, EventWait, Wait
from stook.store.script.errands import run_errands
from stook.store.script.wake import wake_due
from tests.contract.batches import policy, send, submit_items, take_one

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.work import Slice
    from tests.contract.checked_store import CheckedStore

__all__ = [
    "call",
    "errands",
    "event",
    "parent_waits",
    "remembered",
    "sleep",
    "step",
    "suspended",
    "suspension_of",
    "woken",
]


def call(key: str, task: str = "child", *, seconds: float | None = None, **options: Any) -> Wait:
    words = {"payload": b'{"of":"%s"}' % key.encode(), "policy": policy(max_attempts=1)}
    return Wait(key, "child", seconds=seconds, child=ChildCall(task, **(words | options)))


def sleep(key: str, seconds: float) -> Wait:
    return Wait(key, "sleep", seconds=seconds)


def event(key: str, name: str, *, seconds: float | None = None, match: bytes | None = None) -> Wait:
    return Wait(key, "event", seconds=seconds, event=EventWait(name, match))


def step(key: str, value: bytes = b"1") -> Memo:
    return Memo(key, "step", value, code="c0de")


def suspended(one: Slice, *waits: Wait, offsets: Sequence[int] | None = None, memos: Sequence[Memo] = ()) -> Settlement:
    """All of the slice, or just `offsets`, wait for the same."""
    chosen = one.offsets if offsets is None else offsets
    copies = [copy.deepcopy(waits) for _ in chosen]
    troubles = [Trouble(at, "suspended", waits=own, memos=memos) for at, own in zip(chosen, copies, strict=True)]
    return Settlement(one.token, one.batch_id, [], [], [], troubles)


async def parent_waits(store: CheckedStore, *waits: Wait, count: int = 1, **options: Any) -> bytes:
    """A batch of executions of task "t" that all wait for the same; its id."""
    batch_id = await submit_items(store, count, **options)
    await send(store, suspended(await take_one(store), *waits))
    return batch_id


async def errands(store: CheckedStore) -> int:
    """Until there are none; how many were done."""
    done = 0
    while count := await store.write(run_errands):
        done += count
    return done


async def woken(store: CheckedStore, seconds: float) -> int:
    store.clock.advance(seconds)
    return await store.write(wake_due)


async def suspension_of(store: CheckedStore, batch_id: bytes) -> list[tuple[int, int]]:
    """(index, how many things it waits for)."""
    (rows,) = await store.tables.fetch("select idx, waiting, batch_id from suspension order by idx")
    return [(index, waiting) for index, waiting, owner in rows if owner == batch_id]


def remembered(one: Slice, offset: int = 0) -> dict[str, Any]:
    """By key: the value, or the error."""
    return {memo.key: memo.error or msgspec.json.decode(memo.value) for memo in one.memos.get(offset, ())}
