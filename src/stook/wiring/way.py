"""How what is asked of an app gets done: awaited on any loop, or blocking. Written once, it is run either way: a
coroutine that asks for nothing but a blocking way never waits, and `finished` has its answer."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from stook.wiring.hop import Hops

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable

    from stook.core.invocation import Receipt
    from stook.engine.invoking import Asked
    from stook.store.statement import Script
    from stook.wiring.portal import Portal
    from stook.wiring.session import Session

__all__ = ["Awaited", "Blocked", "Way", "finished"]

P = ParamSpec("P")
T = TypeVar("T")


class Way(Protocol):
    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """On the loop that everything of the app runs on."""
        ...

    async def invoke_one(self, asked: Asked) -> Receipt: ...

    async def on_connection(
        self, connection: Any, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """On a connection of the caller's, where the caller is."""
        ...

    async def gathered(self, items: AsyncIterable[T]) -> list[T]: ...

    def each(self, items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]: ...


_hops: weakref.WeakKeyDictionary[Portal, Hops] = weakref.WeakKeyDictionary()


class Awaited:
    def __init__(self, session: Session, portal: Portal) -> None:
        self._session = session
        self._portal = portal

    @property
    def _hops(self) -> Hops:
        found = _hops.get(self._portal)
        if found is None:
            found = _hops[self._portal] = Hops(self._session.engine.invokes, self._portal)
        return found

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return await self._portal.await_(coroutine)

    async def invoke_one(self, asked: Asked) -> Receipt:
        return await self._hops.one(asked)

    async def on_connection(
        self, connection: Any, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._session.foreign(connection).write(verb, *args, **kwargs)

    async def gathered(self, items: AsyncIterable[T]) -> list[T]:
        return [one async for one in items]

    async def each(self, items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
        if isinstance(items, AsyncIterable):
            async for one in items:
                yield one
        else:
            for one in items:
                yield one


class Blocked:
    def __init__(self, session: Session, portal: Portal) -> None:
        self._session = session
        self._portal = portal

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._portal.call(coroutine)

    async def invoke_one(self, asked: Asked) -> Receipt:
        return self._portal.call(self._session.engine.invokes.one(asked))

    async def on_connection(
        self, connection: Any, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return self._session.foreign(connection).write_blocking(verb, *args, **kwargs)

    async def gathered(self, items: AsyncIterable[T]) -> list[T]:
        async def all_of() -> list[T]:
            return [one async for one in items]

        return self._portal.call(all_of())

    async def each(self, items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
        if isinstance(items, AsyncIterable):
            iterator = aiter(items)

            async def pages() -> AsyncIterator[list[T]]:
                async for one in iterator:
                    yield [one]

            for one in self._portal.iterate(pages()):
                yield one
        else:
            for one in items:
                yield one


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """The answer of one that goes a blocking way."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        answer: T = done.value
        return answer
    coroutine.close()
    raise RuntimeError("a blocking way was left")
