"""Whether what is sent again is what was taken in: compared with the store itself, item by item, memory flat."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from stook.engine.blobs import Reference
from stook.store.script.read.inputs import inputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.port import Store
    from stook.store.script.read.inputs import Input

__all__ = ["Recorded"]


class Recorded:
    """The items of a batch from number `at` on, read once in order as they are compared."""

    def __init__(self, store: Store, batch_id: bytes, at: int = 0) -> None:
        self._store = store
        self._batch_id = batch_id
        self._at = at
        self._ahead: list[Input] = []

    async def difference(self, payloads: Sequence[bytes], keys: Sequence[str] | None) -> int | None:
        """The index of the first of the next items that is another one than the batch has, or that it has not."""
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
