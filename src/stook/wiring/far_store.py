"""The store of an app whose store is a server: there is none here, and whoever reaches for it is told."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from stook.core.errors import UnsupportedByBackend

__all__ = ["FarBlobs", "FarStore"]

HINT: Final = (
    "such an app invokes, reads, cancels, emits and schedules. `stook worker MODULE --server URL` works for it, "
    "stook.Client submits and watches batches"
)


class FarStore:
    """Implements `Store`, refusing all of it."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def write(self, *_: Any, **__: Any) -> NoReturn:
        raise self._refused()

    async def read(self, *_: Any, **__: Any) -> NoReturn:
        raise self._refused()

    def write_blocking(self, *_: Any, **__: Any) -> NoReturn:
        raise self._refused()

    def mark(self) -> NoReturn:
        raise self._refused()

    async def wait(self, *_: Any, **__: Any) -> NoReturn:
        raise self._refused()

    async def close(self) -> None:
        """There is nothing to close."""

    def _refused(self) -> UnsupportedByBackend:
        return UnsupportedByBackend("this needs a store, and the app's is a server", hint=HINT)


class FarBlobs(FarStore):
    """Implements `BlobStore`, likewise."""

    async def put(self, *_: Any, **__: Any) -> NoReturn:
        raise self._refused()

    async def get(self, *_: Any, **__: Any) -> NoReturn:
        raise self._refused()

    async def drop(self, *_: Any, **__: Any) -> NoReturn:
        raise self._refused()
