"""Single invocations on their way from a caller's event loop to the one of the store, and their receipts back: those of
one moment cross together, since each crossing wakes a thread."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import weakref
from functools import partial
from typing import TYPE_CHECKING

from stook.core.errors import StoreUnavailable

if TYPE_CHECKING:
    from stook.core.invocation import Receipt
    from stook.engine.invoking import Asked, Invokes
    from stook.wiring.portal import Portal

    _Going = tuple[Asked, asyncio.Future[Receipt], contextvars.Context]
    _Coming = tuple[asyncio.Future[Receipt], asyncio.Task[Receipt]]

__all__ = ["Hops"]


class Hops:
    """Of one app, from any number of event loops. Each invocation is answered as soon as it is done, whatever becomes
    of those it crossed with."""

    def __init__(self, invokes: Invokes, portal: Portal) -> None:
        self._invokes = invokes
        self._portal = portal
        self._of_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Hop] = weakref.WeakKeyDictionary()

    async def one(self, asked: Asked) -> Receipt:
        loop = asyncio.get_running_loop()
        hop = self._of_loop.get(loop)
        if hop is None:
            hop = self._of_loop[loop] = _Hop(self._invokes, self._portal)
        return await hop.one(loop, asked)


class _Hop:
    def __init__(self, invokes: Invokes, portal: Portal) -> None:
        self._invokes = invokes
        self._portal = portal
        self._going: list[_Going] = []
        self._coming: list[_Coming] = []

    def one(self, loop: asyncio.AbstractEventLoop, asked: Asked) -> asyncio.Future[Receipt]:
        future: asyncio.Future[Receipt] = loop.create_future()
        self._going.append((asked, future, contextvars.copy_context()))
        if len(self._going) == 1:
            loop.call_soon(self._send, loop)
        return future

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        going, self._going = self._going, []
        try:
            self._portal.post(self._begin, loop, going)
        except StoreUnavailable as error:
            for _, future, _ in going:
                if not future.done():
                    future.set_exception(error)

    def _begin(self, loop: asyncio.AbstractEventLoop, going: list[_Going]) -> None:
        """On the loop of the store, each in the context of its caller."""
        for asked, future, context in going:
            task = asyncio.get_running_loop().create_task(self._invokes.one(asked), context=context)
            task.add_done_callback(partial(self._end, loop, future))

    def _end(
        self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Receipt], task: asyncio.Task[Receipt]
    ) -> None:
        self._coming.append((future, task))
        if len(self._coming) == 1:
            asyncio.get_running_loop().call_soon(self._return, loop)

    def _return(self, loop: asyncio.AbstractEventLoop) -> None:
        coming, self._coming = self._coming, []
        with contextlib.suppress(RuntimeError):  # nobody is there any more
            loop.call_soon_threadsafe(_deliver, coming)


def _deliver(coming: list[_Coming]) -> None:
    for future, task in coming:
        if future.done():
            continue
        error = StoreUnavailable("the app was closed meanwhile") if task.cancelled() else task.exception()
        if error is None:
            future.set_result(task.result())
        else:
            future.set_exception(error)
