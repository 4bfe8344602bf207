"""Short words for what tests do to a store all the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.chunk import make_chunk
from stook.core.fingerprint import fingerprint
from stook.core.outcome import Settlement, Trouble
from stook.core.payload import split_array
from stook.core.policy import TaskPolicy
from stook.store.script.batch_row import BatchRow, read_batch
from stook.store.script.claim import Ask, claim
from stook.store.script.settle import settle
from stook.store.script.submit import NewBatch, append, create_batch, seal, submit
from stook.store.script.sweep import promote_due

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.core.chunk import Chunk
    from stook.core.work import Claimed, Slice
    from tests.contract.checked_store import CheckedStore

__all__ = [
    "batch_of",
    "both",
    "chunked",
    "claim_all",
    "drain",
    "end_all",
    "events_of",
    "fail",
    "indexes",
    "inputs",
    "new_batch",
    "payload",
    "payloads",
    "policy",
    "result",
    "run_due",
    "send",
    "states_of",
    "submit_items",
    "succeed",
    "take",
    "take_one",
    "trouble",
]


def payload(index: int) -> bytes:
    return b'{"n": %d}' % index


def payloads(count: int, start: int = 0) -> list[bytes]:
    return [payload(index) for index in range(start, start + count)]


def result(index: int) -> bytes:
    return b'{"done":%d}' % index


def chunked(items: Sequence[bytes], per: int = 512, **extras: list[Any] | None) -> list[Chunk]:
    """`extras` (keys, dedupe) hold one entry per item."""
    given = {name: values for name, values in extras.items() if values is not None}
    return [
        make_chunk(items[at : at + per], **{name: values[at : at + per] for name, values in given.items()})
        for at in range(0, len(items), per)
    ]


def policy(**options: Any) -> str:
    return msgspec.json.encode(TaskPolicy(**options)).decode()


def new_batch(store: CheckedStore, *, task: str = "t", **options: Any) -> NewBatch:
    words = {"project": "default", "queue": "default", "name": task, "policy": policy()}
    return NewBatch(id=store.ids(), task=task, **(words | options))


async def submit_items(
    store: CheckedStore,
    count: int,
    *,
    per: int = 512,
    sealed: bool = True,
    run_at: int | None = None,
    expires_at: int | None = None,
    keys: list[str] | None = None,
    dedupe: list[str | None] | None = None,
    tags: list[list[str]] | None = None,
    **options: Any,
) -> bytes:
    """The batch's id. `options` are those of `new_batch`."""
    new = new_batch(store, **options)
    chunks = chunked(payloads(count), per, keys=keys, dedupe=dedupe, tags=tags)
    if sealed:
        await store.write(submit, new, chunks, run_at=run_at, expires_at=expires_at)
    else:
        await store.write(create_batch, new)
        await store.write(append, new.id, chunks, run_at=run_at, expires_at=expires_at)
    return new.id


async def end_all(store: CheckedStore, *batch_ids: bytes) -> None:
    for batch_id in batch_ids:
        await store.write(seal, batch_id)
    await drain(store)


async def take(
    store: CheckedStore,
    items: int = 1_000_000,
    *,
    slices: int = 1000,
    tasks: Sequence[str] = ("t",),
    idle: bool = True,
    hurried: bool = False,
    worker: str = "w",
    lease: float = 60.0,
    project: str | None = None,
) -> Claimed:
    until = round(lease * 1_000_000)
    ask = Ask(
        worker=worker,
        tasks=tasks,
        items=items,
        slices=slices,
        idle=idle,
        hurried=hurried,
        lease_until=lambda now: now + until,
        tokens=store.tokens,
        project=project,
        plain=store.plain,
        pivot=lambda: f"{store.tokens() & 0xFFFFFFFF:08x}",
    )
    return await store.write(claim, ask)


async def claim_all(store: CheckedStore, items: int = 1_000_000, **options: Any) -> list[Slice]:
    """Claims until there is nothing more."""
    found: list[Slice] = []
    while slices := (await take(store, items, **options)).slices:
        found += slices
    return found


async def take_one(store: CheckedStore, items: int = 1_000_000, **options: Any) -> Slice:
    claimed = await take(store, items, **options, slices=1)
    (one,) = claimed.slices
    return one


def indexes(slices: Slice | Iterable[Slice]) -> list[int]:
    found = slices if isinstance(slices, list) else [slices]
    return [one.first + offset for one in found for offset in one.offsets]


def inputs(one: Slice) -> list[bytes]:
    return split_array(one.payload)


def succeed(one: Slice, offsets: Sequence[int] | None = None, results: list[bytes] | None = None) -> Settlement:
    chosen = one.offsets if offsets is None else offsets
    given = [result(one.first + offset) for offset in chosen] if results is None else results
    return Settlement(one.token, one.batch_id, chosen, given, [7] * len(chosen))


def trouble(offset: int, kind: Any = "failed", message: str = "boom", **options: Any) -> Trouble:
    words = {"type": "ValueError", "fingerprint": fingerprint("ValueError", message, "f.py:f"), "code": "raised"}
    return Trouble(offset=offset, kind=kind, message=message, duration=9, **(words | options))


def fail(one: Slice, *offsets: int, kind: Any = "failed", **options: Any) -> Settlement:
    """All of the slice, or just `offsets`. They may be tried again as the policy says; `retryable=False`: not."""
    chosen = offsets or one.offsets
    return Settlement(one.token, one.batch_id, [], [], [], [trouble(offset, kind, **options) for offset in chosen])


def both(one: Slice, good: Sequence[int], bad: Sequence[Trouble]) -> Settlement:
    return msgspec.structs.replace(succeed(one, good), troubles=bad)


async def send(store: CheckedStore, *settlements: Settlement) -> Any:
    return await store.write(settle, settlements, store.draw)


async def drain(store: CheckedStore, **options: Any) -> int:
    """Everything that may run now succeeds; returns how many executions did."""
    count = 0
    while slices := (await take(store, **options)).slices:
        await send(store, *(succeed(one) for one in slices))
        count += len(indexes(slices))
    return count


async def run_due(store: CheckedStore, seconds: float) -> int:
    """Moves the clock; returns how many segments became ready."""
    store.clock.advance(seconds)
    return await store.write(promote_due)


async def batch_of(store: CheckedStore, batch_id: bytes) -> BatchRow:
    return await store.read(read_batch, batch_id)


async def states_of(store: CheckedStore, batch_id: bytes) -> bytes:
    """As stored."""
    (rows,) = await store.tables.fetch("select first, states, batch_id from state order by first")
    return b"".join(states for _, states, owner in rows if owner == batch_id)


async def events_of(store: CheckedStore, batch_id: bytes) -> list[tuple[str, Any]]:
    (rows,) = await store.tables.fetch("select kind, body, batch_id from event order by id")
    return [(kind, msgspec.json.decode(body)) for kind, body, owner in rows if owner == batch_id]
