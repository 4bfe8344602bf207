"""Archives of deployments among the blobs, in pieces: however large one is, a piece of it is in memory."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from stook.core.errors import StoreError
from stook.store.script.delete import drop_blobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from stook.engine.blobs import Blobs
    from stook.store.port import Store

__all__ = ["Archives", "Stored"]

_PIECE: Final = 2**20


class Stored(msgspec.Struct, frozen=True):
    """`sha256` in hex."""

    sha256: str
    size: int


class Archives:
    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs.store

    async def put(self, deployment_id: str, archive: Path) -> Stored:
        """Durable on return; whoever fails half way drops it."""
        digest, size = hashlib.sha256(), 0
        file = await asyncio.to_thread(archive.open, "rb")
        try:
            for number in range(2**31):
                piece = await asyncio.to_thread(file.read, _PIECE)
                if not piece:
                    break
                digest.update(piece)
                size += len(piece)
                await self._blobs.put(_owner(deployment_id), _name(number), piece)
        finally:
            file.close()
        return Stored(digest.hexdigest(), size)

    async def pieces(self, deployment_id: str, stored: Stored) -> AsyncIterator[bytes]:
        """`StoreError` where it is gone, or does not match its hash; that is known with the last piece."""
        digest = hashlib.sha256()
        for number in range(-(-stored.size // _PIECE)):
            piece = await self._blobs.get(_owner(deployment_id), _name(number))
            digest.update(piece)
            yield piece
        if digest.hexdigest() != stored.sha256:
            raise StoreError(
                f"the archive of deployment {deployment_id} does not match its hash: it was changed or damaged",
                hint="deploy it again",
            )

    async def copy(self, deployment_id: str, stored: Stored, to: Path) -> None:
        """The file is there whole, or not at all."""
        file = await asyncio.to_thread(to.open, "wb")
        try:
            with file:
                async for piece in self.pieces(deployment_id, stored):
                    await asyncio.to_thread(file.write, piece)
        except BaseException:
            await asyncio.to_thread(to.unlink, missing_ok=True)
            raise

    async def drop(self, deployment_id: str) -> None:
        """Twice is once."""
        await self._blobs.drop(_owner(deployment_id))
        await self._store.write(drop_blobs, _owner(deployment_id))


def _owner(deployment_id: str) -> bytes:
    return UUID(deployment_id).bytes


def _name(number: int) -> str:
    return f"archive-{number:06}"
