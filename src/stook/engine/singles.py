"""Single submissions: those that arrive while a commit is under way share the next one, and its chunk."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec

from stook.core.chunk import MAX_BYTES, MAX_ITEMS
from stook.core.errors import PayloadTooLarge, QuotaExceeded, StoreError, StoreUnavailable
from stook.engine.intake import Chunker
from stook.store.script.delete import delete, drop_blobs
from stook.store.script.submit import NewBatch, submit

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.engine.blobs import Blobs
    from stook.store.port import Store

__all__ = ["Single", "Singles"]


class Single(msgspec.Struct, frozen=True):
    """What must be equal for two submissions to share a chunk."""

    project: str
    task: str
    queue: str
    policy: str
    priority: int = 0
    run_at: int | None = None
    expires_at: int | None = None
    metadata: str | None = None


class _Waiting(msgspec.Struct):
    payload: bytes
    dedupe: str | None
    receipt: asyncio.Future[tuple[bytes, int, bool]]


class Singles:
    def __init__(self, store: Store, blobs: Blobs, ids: Callable[[], bytes]) -> None:
        self._store = store
        self._blobs = blobs
        self._ids = ids
        self._waiting: dict[Single, list[_Waiting]] = {}
        self._flushing: dict[Single, asyncio.Task[None]] = {}

    async def submit(self, single: Single, payload: bytes, dedupe: str | None = None) -> tuple[bytes, int, bool]:
        """(batch, index, created), durable on return. Not created: the execution that holds the dedupe key."""
        if len(payload) > self._blobs.most:
            raise PayloadTooLarge(len(payload), self._blobs.most)
        receipt: asyncio.Future[tuple[bytes, int, bool]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(single, []).append(_Waiting(payload, dedupe, receipt))
        if single not in self._flushing:
            self._flushing[single] = asyncio.create_task(self._flush(single))
        return await receipt

    async def _flush(self, single: Single) -> None:
        waiting: list[_Waiting] = []
        try:
            while waiting := self._waiting.pop(single, []):
                for group in _groups(waiting):
                    await self._submit(single, group)
        finally:
            del self._flushing[single]
            left = [*waiting, *self._waiting.pop(single, [])]  # none, unless this was cancelled
            _refuse(left, StoreUnavailable("the store was closed before this was submitted"))

    async def _submit(self, single: Single, group: list[_Waiting]) -> None:
        batch_id = self._ids()
        try:
            dedupe = [one.dedupe for one in group]
            chunks = await Chunker(self._blobs, batch_id).cut(
                [one.payload for one in group], dedupe=dedupe if any(dedupe) else None
            )
            new = NewBatch(
                id=batch_id,
                project=single.project,
                task=single.task,
                queue=single.queue,
                name=single.task,
                policy=single.policy,
                single=True,
                priority=single.priority,
                metadata=single.metadata,
            )
            created = await self._store.write(submit, new, chunks, run_at=single.run_at, expires_at=single.expires_at)
        except QuotaExceeded as error:
            await self._forget_blobs(batch_id, group)
            if len(group) == 1 or not error.room:
                _refuse(group, error)
                return
            # Some may fit: nobody is refused for what others brought.
            some = min(error.room, len(group) // 2 if error.limit == "max_payload_bytes" else len(group) - 1)
            await self._submit(single, group[:some])
            await self._submit(single, group[some:])
            return
        except Exception as error:  # noqa: BLE001 - each caller gets it
            _refuse(group, error)
            return
        held = {place: (holder, index) for place, holder, index in created.existing}
        index = 0
        for place, one in enumerate(group):
            if place in held:
                receipt = (*held[place], False)
            else:
                receipt, index = (batch_id, index, True), index + 1
            if not one.receipt.done():
                one.receipt.set_result(receipt)
        if not index:
            with contextlib.suppress(StoreError):
                await self._store.write(delete, batch_id)  # nothing is in it: every key was held

    async def _forget_blobs(self, batch_id: bytes, group: list[_Waiting]) -> None:
        """Of a batch that came to nothing."""
        if any(len(one.payload) > self._blobs.inline for one in group):
            with contextlib.suppress(StoreError):
                await self._blobs.store.drop(batch_id)
                await self._store.write(drop_blobs, batch_id)


def _refuse(waiting: list[_Waiting], error: Exception) -> None:
    for one in waiting:
        if not one.receipt.done():
            one.receipt.set_exception(error)


def _groups(waiting: list[_Waiting]) -> list[list[_Waiting]]:
    """What does not fit one chunk goes in several, each a transaction of its own."""
    groups: list[list[_Waiting]] = [[]]
    size = 0
    for one in waiting:
        if groups[-1] and (len(groups[-1]) == MAX_ITEMS or size + len(one.payload) > MAX_BYTES):
            groups.append([])
            size = 0
        groups[-1].append(one)
        size += len(one.payload)
    return groups
