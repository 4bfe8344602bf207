"""A store whose writes are timed: per verb, which is a claim, a flush, a bite of 16,384 items. Nothing per item."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.port import Store
    from stook.store.statement import Script

__all__ = ["TimedStore"]

P = ParamSpec("P")
T = TypeVar("T")


class TimedStore:
    """Implements `stook.store.port.Store`. `wrote(verb, seconds)` hears of each write that is durable, its wait for
    the writer or a connection included."""

    def __init__(self, store: Store, wrote: Callable[[str, float], None]) -> None:
        self.url = store.url
        self._store = store
        self._wrote = wrote
        self.read = store.read
        self.mark = store.mark
        self.wait = store.wait
        self.close = store.close

    async def write(self, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        began = perf_counter()
        answer = await self._store.write(verb, *args, **kwargs)
        self._wrote(getattr(verb, "__name__", "verb"), perf_counter() - began)
        return answer

    def write_blocking(self, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        began = perf_counter()
        answer = self._store.write_blocking(verb, *args, **kwargs)
        self._wrote(getattr(verb, "__name__", "verb"), perf_counter() - began)
        return answer
