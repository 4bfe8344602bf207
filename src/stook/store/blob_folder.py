"""Blobs as files beside the database, a folder per batch."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from pathlib import Path

from stook.core.errors import StoreError, StoreFull, StoreReadOnly

__all__ = ["BlobFolder"]


class BlobFolder:
    """A blob is written under another name, synced and renamed: it is there whole or not at all."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    async def put(self, batch_id: bytes, name: str, body: bytes) -> None:
        await asyncio.to_thread(self._put, batch_id, name, body)

    async def get(self, batch_id: bytes, name: str) -> bytes:
        try:
            return await asyncio.to_thread((self._path / batch_id.hex() / name).read_bytes)
        except OSError as error:
            raise StoreError(f"blob {name} cannot be read: {error}", where=str(self._path)) from None

    async def drop(self, batch_id: bytes) -> None:
        await asyncio.to_thread(shutil.rmtree, self._path / batch_id.hex(), ignore_errors=True)

    def _put(self, batch_id: bytes, name: str, body: bytes) -> None:
        folder = self._path / batch_id.hex()
        beside = folder / f".{name}.{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(folder / name)
        except OSError as error:
            beside.unlink(missing_ok=True)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreFull(
                    f"no room left on the disk of {self._path}", hint="free some space, then retry"
                ) from None
            raise StoreReadOnly(f"cannot write {self._path}: {error.strerror}", hint="choose another store") from None
