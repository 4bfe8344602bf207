"""Whether what is sent again is what was taken in: compared with the store itself, item by item, memory flat."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from stook.core.item_digest import DIGEST_BYTES, item_digests
from stook.engine.blobs import Reference
from stook.store.script.read.inputs import inputs
from stook.store.script.read.keyed import consumed_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.port import Store
    from stook.store.script.read.inputs import Input
    from stook.store.script.read.keyed import ConsumedBlock

__all__ = ["Recorded"]


class Recorded:
    """The items that the submission of a batch has consumed, from number `at` on, read once in order as they are
    compared: with the store's own, or, from the first one on that may have been left out, with their digests."""

    def __init__(self, store: Store, batch_id: bytes, at: int = 0) -> None:
        self._store = store
        self._batch_id = batch_id
        self._at = at
        self._ahead: list[Input] = []
        self._blocks: list[ConsumedBlock] | None = None

    async def has_digests(self) -> bool:
        """Of any item from here on."""
        if self._blocks is None:
            self._blocks = await self._digested(self._at)
        return bool(self._blocks)

    async def difference(
        self, payloads: Sequence[bytes], keys: Sequence[str] | None, dedupe: Sequence[str | None] | None
    ) -> int | None:
        """The index of the first of the next items that is another one than the batch has, or that it has not."""
        done = 0
        while done < len(payloads):
            left = len(payloads) - done
            if await self.has_digests():
                assert self._blocks is not None
                left = min(left, self._blocks[0].first - self._at)
            stop = done + left
            if left > 0:
                wrong = await self._differing(payloads[done:stop], None if keys is None else keys[done:stop])
                if wrong is None and dedupe is not None and any(one is not None for one in dedupe[done:stop]):
                    return self._at - left  # they had none the first time
            else:
                stop, wrong = await self._other_digest(payloads, keys, dedupe, done)
            if wrong is not None:
                return wrong
            done = stop
        return None

    async def _other_digest(
        self,
        payloads: Sequence[bytes],
        keys: Sequence[str] | None,
        dedupe: Sequence[str | None] | None,
        done: int,
    ) -> tuple[int, int | None]:
        """Compares as many as the next block has; the place in `payloads` behind them, and the first index that
        differs."""
        assert self._blocks
        block = self._blocks[0]
        end = block.first + len(block.digests) // DIGEST_BYTES
        stop = min(len(payloads), done + end - self._at)
        part = slice(done, stop)
        given = item_digests(
            payloads[part], None if keys is None else keys[part], None if dedupe is None else dedupe[part]
        )
        begin = (self._at - block.first) * DIGEST_BYTES
        wanted = block.digests[begin : begin + len(given)]
        if given != wanted:
            place = next(
                at
                for at in range(0, len(given), DIGEST_BYTES)
                if given[at:][:DIGEST_BYTES] != wanted[at:][:DIGEST_BYTES]
            )
            return stop, self._at + place // DIGEST_BYTES
        self._at += stop - done
        if self._at == end:
            self._blocks = self._blocks[1:] or None
        return stop, None

    async def _digested(self, at: int) -> list[ConsumedBlock]:
        found = await self._store.read(consumed_blocks, self._batch_id, at)
        return [one for one in found if one.first + len(one.digests) // DIGEST_BYTES > at]

    async def _differing(self, payloads: Sequence[bytes], keys: Sequence[str] | None) -> int | None:
        done = 0
        while done < len(payloads):
            if not self._ahead:
                self._ahead = await self._store.read(inputs, self._batch_id, self._at)
                if not self._ahead:
                    return self._at
            count = min(len(self._ahead), len(payloads) - done)
            for place in range(count):
                key = None if keys is None else keys[done + place]
                if not _is_same(self._ahead[place], payloads[done + place], key):
                    return self._at + place
            del self._ahead[:count]
            self._at += count
            done += count
        return None


def _is_same(stored: Input, payload: bytes, key: str | None) -> bool:
    if stored.key != key:
        return False
    if not stored.blob:
        return stored.payload == payload
    reference = msgspec.json.decode(stored.payload, type=Reference)
    return reference.size == len(payload) and reference.sha256 == hashlib.sha256(payload).hexdigest()
