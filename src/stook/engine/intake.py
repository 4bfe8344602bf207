"""Taking items in at any size with flat memory: items become chunks as they arrive, chunks are appended in bites while
the next are being made."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from stook.core import chunk as chunks
from stook.core.item_digest import DIGEST_BYTES, item_digests
from stook.core.laid_out import laid_out
from stook.core.picks import pack
from stook.store.script.submit import append

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.chunk import Chunk
    from stook.core.lanes import Laner
    from stook.engine.blobs import Blobs
    from stook.store.port import Store
    from stook.store.script.submit import Appended

__all__ = ["BITE_BYTES", "BITE_ITEMS", "Chunker", "Intake"]

BITE_ITEMS: Final = 32 * chunks.MAX_ITEMS
BITE_BYTES: Final = 4 * 2**20


class Chunker:
    """Cuts items into chunks of at most 512 items or about 256 KiB. Large payloads go to the blob store first. With
    `digests`, items with dedupe keys have some of what was given. `laner` says what keeps items apart in the queue; its
    errors come before anything is put aside."""

    def __init__(
        self, blobs: Blobs, batch_id: bytes, first: int = 0, *, digests: bool = False, laner: Laner | None = None
    ) -> None:
        self._digests = digests
        self._laner = laner if laner is not None and not laner.idle else None
        self._blobs = blobs
        self._batch_id = batch_id
        self._index = first

    async def cut(
        self,
        payloads: Sequence[bytes],
        keys: Sequence[str] | None = None,
        dedupe: Sequence[str | None] | None = None,
        tags: Sequence[Sequence[str]] | None = None,
        places: Sequence[tuple[str, str | None]] | None = None,
    ) -> list[Chunk]:
        """`places` are what `laner` would say."""
        if not payloads:
            return []
        if self._laner is not None:
            places = self._laner.places(payloads, self._index)
        sizes = list(map(len, payloads))
        large: set[int] = set()
        digests = item_digests(payloads, keys, dedupe) if self._digests and dedupe is not None else None
        if max(sizes) > self._blobs.inline:
            payloads = list(payloads)
            large = {place for place, size in enumerate(sizes) if size > self._blobs.inline}
            for place in sorted(large):
                index = self._index + place
                payloads[place] = await self._blobs.put(self._batch_id, f"p{index}", payloads[place], index=index)
                sizes[place] = len(payloads[place])
        made, lo = [], 0
        while lo < len(payloads):
            hi = self._end(sizes, lo)
            referenced = [place - lo for place in range(lo, hi) if place in large] if large else []
            made.append(
                chunks.make_chunk(
                    payloads[lo:hi],
                    keys=None if keys is None else list(keys[lo:hi]),
                    blobs=pack(referenced) if referenced else None,
                    dedupe=None if dedupe is None else list(dedupe[lo:hi]),
                    tags=None if tags is None else list(tags[lo:hi]),
                    digests=None if digests is None else digests[lo * DIGEST_BYTES : hi * DIGEST_BYTES],
                    placings=None if places is None else laid_out(places[lo:hi], None),
                )
            )
            lo = hi
        self._index += len(payloads)
        return made

    @staticmethod
    def _end(sizes: Sequence[int], lo: int) -> int:
        most = min(lo + chunks.MAX_ITEMS, len(sizes))
        if sum(sizes[lo:most]) <= chunks.MAX_BYTES:
            return most
        hi, total = lo, 0
        while hi < most and (hi == lo or total + sizes[hi] <= chunks.MAX_BYTES):
            total += sizes[hi]
            hi += 1
        return hi


class Intake:
    """Appends to one open batch, whose submission has consumed the first `at` items of the input already. One append is
    under way while the next bite gathers; an append that failed shows at the next `add` or at `finish`. With
    `repeats` it is given these items again, and passes over them."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        batch_id: bytes,
        *,
        at: int = 0,
        repeats: bool = True,
        run_at: int | None = None,
        expires_at: int | None = None,
        digests: bool = False,
        laner: Laner | None = None,
    ) -> None:
        self._store = store
        self._chunker = Chunker(blobs, batch_id, at, digests=digests, laner=laner)
        self._batch_id = batch_id
        self._at = at
        self._run_at = run_at
        self._expires_at = expires_at
        self._skip = at if repeats else 0
        self._payloads: list[bytes] = []
        self._keys: list[str] | None = None
        self._dedupe: list[str | None] | None = None
        self._tags: list[Sequence[str]] | None = None
        self._bytes = 0
        self._sending: asyncio.Task[Appended] | None = None
        self._sent = at
        self.existing: list[tuple[int, bytes, int]] = []
        """(index in the input, batch, index) of items from `at` on whose dedupe key was held."""

    async def add(
        self,
        payloads: Sequence[bytes],
        keys: Sequence[str] | None = None,
        dedupe: Sequence[str | None] | None = None,
        tags: Sequence[Sequence[str]] | None = None,
    ) -> None:
        """Takes the next items of the input, from its first one on, in order; those before `at` are passed over."""
        if self._skip:
            passed = min(self._skip, len(payloads))
            self._skip -= passed
            payloads = payloads[passed:]
            keys = keys if keys is None else keys[passed:]
            dedupe = dedupe if dedupe is None else dedupe[passed:]
            tags = tags if tags is None else tags[passed:]
        for lo in range(0, len(payloads), BITE_ITEMS):
            part = payloads[lo : lo + BITE_ITEMS]
            self._payloads.extend(part)
            self._bytes += sum(map(len, part))
            if keys is not None:
                self._keys = self._keys or []
                self._keys.extend(keys[lo : lo + BITE_ITEMS])
            if dedupe is not None:
                self._dedupe = self._dedupe or []
                self._dedupe.extend(dedupe[lo : lo + BITE_ITEMS])
            if tags is not None:
                self._tags = self._tags or []
                self._tags.extend(tags[lo : lo + BITE_ITEMS])
            if len(self._payloads) >= BITE_ITEMS or self._bytes >= BITE_BYTES:
                await self._send()

    async def finish(self) -> None:
        """Everything given is durable afterwards."""
        await self._send()
        await self._sent_before()

    async def drop(self) -> None:
        """Waits for what is under way and forgets the rest."""
        self._payloads = []
        if self._sending is not None:
            await asyncio.gather(self._sending, return_exceptions=True)
            self._sending = None

    async def _send(self) -> None:
        if not self._payloads:
            return
        made = await self._chunker.cut(self._payloads, self._keys, self._dedupe, self._tags)
        count = len(self._payloads)
        self._payloads, self._keys, self._dedupe, self._tags, self._bytes = [], None, None, None, 0
        await self._sent_before()
        at = self._at
        self._at += count
        self._sending = asyncio.create_task(
            self._store.write(append, self._batch_id, made, at=at, run_at=self._run_at, expires_at=self._expires_at)
        )

    async def _sent_before(self) -> None:
        if self._sending is not None:
            sending, self._sending = self._sending, None
            appended = await sending
            self.existing.extend((self._sent + offset, batch, index) for offset, batch, index in appended.existing)
            self._sent = self._at
