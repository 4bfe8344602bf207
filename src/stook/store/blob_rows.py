"""Blobs as rows: for a database that many machines share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.errors import StoreError
from stook.store.statement import All, Many

if TYPE_CHECKING:
    from stook.store.port import Store
    from stook.store.statement import Row, Script

__all__ = ["BlobRows"]


def _put(batch_id: bytes, name: str, body: bytes) -> Script[None]:
    yield Many("upsert_blob", [(batch_id, name, body)])


def _get(batch_id: bytes, name: str) -> Script[bytes | None]:
    rows: list[Row] = yield All("read_blob", (batch_id, name))
    return bytes(rows[0][0]) if rows else None


class BlobRows:
    """Rows go with their batch: there is nothing to drop."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, batch_id: bytes, name: str, body: bytes) -> None:
        await self._store.write(_put, batch_id, name, body)

    async def get(self, batch_id: bytes, name: str) -> bytes:
        body = await self._store.read(_get, batch_id, name)
        if body is None:
            raise StoreError(f"blob {name} is gone")
        return body

    async def drop(self, batch_id: bytes) -> None:
        """The purge of the batch removes them."""
