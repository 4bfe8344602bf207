"""Bodies too large for a row: kept apart, in the row stands a reference with size and hash."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from stook.core.errors import PayloadTooLarge, StoreError, StoreUnavailable
from stook.core.ids import execution_id

if TYPE_CHECKING:
    from stook.core.outcome import Settlement
    from stook.core.work import Slice

__all__ = ["INLINE_BYTES", "MAX_BYTES", "BlobStore", "Blobs"]

INLINE_BYTES: Final = 64 * 1024
MAX_BYTES: Final = 4 * 2**20


class BlobStore(Protocol):
    async def put(self, batch_id: bytes, name: str, body: bytes) -> None:
        """Durable on return; the same name again replaces it."""
        ...

    async def get(self, batch_id: bytes, name: str) -> bytes: ...

    async def drop(self, batch_id: bytes) -> None:
        """Everything of a batch."""
        ...


class Reference(msgspec.Struct, array_like=True):
    name: str
    size: int
    sha256: str


class Blobs:
    """What the engine does with large bodies. A reference is JSON like any payload, so a chunk stays a JSON array."""

    def __init__(self, store: BlobStore, *, inline: int = INLINE_BYTES, most: int = MAX_BYTES) -> None:
        self.store = store
        self.inline = inline
        self.most = most

    async def put(self, batch_id: bytes, name: str, body: bytes, *, index: int | None = None) -> bytes:
        """Stores one body; returns the reference to keep in its place."""
        if len(body) > self.most:
            raise PayloadTooLarge(len(body), self.most, index=index)
        await self.store.put(batch_id, name, body)
        return msgspec.json.encode(Reference(name, len(body), hashlib.sha256(body).hexdigest()))

    async def get(self, batch_id: bytes, reference: bytes) -> bytes:
        """The body a reference stands for, checked against its hash."""
        found = msgspec.json.decode(reference, type=Reference)
        body = await self.store.get(batch_id, found.name)
        if hashlib.sha256(body).hexdigest() != found.sha256:
            raise StoreError(
                f"blob {found.name} does not match its hash: it was changed or damaged",
                where=f"batch {execution_id(batch_id, 0)}",
                hint="restore it from a backup, or submit the item again",
            )
        return body

    async def resolve_slice(self, work: Slice) -> dict[int, StoreError]:
        """Puts the bodies in place of their references. Returns the offsets whose body is lost or damaged, with why:
        these items are not in the slice any more, which may leave nothing of it."""
        items = [bytes(one) for one in msgspec.json.decode(work.payload, type=list[msgspec.Raw])]
        lost: dict[int, StoreError] = {}
        for place in work.blobs:
            try:
                items[place] = await self.get(work.batch_id, items[place])
            except StoreUnavailable:
                raise
            except StoreError as error:
                lost[work.offsets[place]] = error
        if lost:
            kept = [place for place, offset in enumerate(work.offsets) if offset not in lost]
            items = [items[place] for place in kept]
            work.offsets = [work.offsets[place] for place in kept]
        work.payload = b"[" + b",".join(items) + b"]"
        work.blobs = ()
        return lost

    async def store_results(self, settlement: Settlement) -> None:
        """Puts large results aside before the settlement that refers to them."""
        results = settlement.results
        if not results or max(map(len, results)) <= self.inline:
            return
        settlement.results = list(results)
        large = [place for place, body in enumerate(results) if len(body) > self.inline]
        for place in large:
            name = f"r{settlement.token:x}-{settlement.offsets[place]}"
            settlement.results[place] = await self.put(settlement.batch_id, name, results[place])
        settlement.blobs = large
