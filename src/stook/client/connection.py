"""Requests sent until they are answered, and streams that go on where they were cut."""

from __future__ import annotations

import contextlib
import random
import time
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from stook.client.refused import raised
from stook.client.transport import SILENCE, Lost
from stook.client.tries import may_help, pause_before, wanted_pause
from stook.core.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from stook.client.address import Address
    from stook.client.request import Answer, Request
    from stook.client.transport import Stream, Transport
    from stook.core.errors import StookError

__all__ = ["Connection", "Patience", "Refusing"]

T = TypeVar("T")


class Refusing(Protocol):
    def __call__(self, answer: Answer, server: str, *, first_index: int = 0) -> StookError: ...


_REFUSED: Final = 400
_NOT_FOUND: Final = 404
_LEAST: Final = 1.0
"""Seconds that a server has at least for its answer."""


class Connection:
    """`patience`: seconds for which a request is tried again, from the first failure since there was progress on; where
    that was silence, from when it began. `refused` makes an error of an answer that says no."""

    def __init__(
        self,
        transport: Transport,
        address: Address,
        *,
        patience: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
        refused: Refusing = raised,
    ) -> None:
        self._refused = refused
        self.transport = transport
        self.server = address.url
        self.clock = clock
        self._seconds = patience
        self._draw = draw

    def patience(self) -> Patience:
        return Patience(self, self._seconds, self._draw)

    async def send(self, request: Request[T], *, first_index: int = 0) -> T:
        """`first_index` as in `refused.raised`. What may be sent again is, while that may help."""
        patience = self.patience()
        while True:
            begun = self.clock()
            try:
                answer = await self.transport.send(request, patience.left(SILENCE))
            except Lost as lost:
                if lost.quiet:
                    patience.spent_since(begun)
                if not request.repeatable or not await patience.wait():
                    raise self.unreachable(lost) from lost
                continue
            if answer.status < _REFUSED:
                return request.read(answer)
            if request.method == "DELETE" and answer.status == _NOT_FOUND and patience.tried:
                return request.read(answer)  # it was done before; that answer was lost
            if request.repeatable and may_help(answer) and await patience.wait(wanted_pause(answer)):
                continue
            raise self._refused(answer, self.server, first_index=first_index)

    @contextlib.asynccontextmanager
    async def stream(self, request: Request[Any], patience: Patience, silence: float) -> AsyncIterator[Stream]:
        """One try. `Lost` also for an answer after which another try may help, as long as patience lasts."""
        async with self.transport.stream(request, silence) as stream:
            if stream.status >= _REFUSED:
                answer = await stream.whole()
                error = self._refused(answer, self.server)
                if not may_help(answer):
                    raise error
                patience.wanted, patience.error = wanted_pause(answer), error
                raise Lost(str(error))
            yield stream

    def unreachable(self, lost: Lost) -> StoreUnavailable:
        hint = "it may be slow or gone" if lost.quiet else "is it running, and is this its address?"
        return StoreUnavailable(f"no answer: {lost}", where=self.server, hint=hint)


class Patience:
    """Of one request, or of one stream between two signs of life."""

    def __init__(self, connection: Connection, seconds: float, draw: Callable[[], float]) -> None:
        self._connection = connection
        self._seconds = seconds
        self._draw = draw
        self._since: float | None = None
        self.tried = 0
        self.wanted: float | None = None
        self.error: StookError | None = None

    def renew(self) -> None:
        """There was progress."""
        self._since = None
        self.tried, self.wanted, self.error = 0, None, None

    def spent_since(self, begun: float) -> None:
        """Nothing has been heard since then."""
        if self._since is None:
            self._since = begun

    def left(self, silence: float) -> float:
        """How long the next try may hear nothing: `silence`, or, once something has failed, what patience is left."""
        if self._since is None:
            return silence
        return min(silence, max(_LEAST, self._since + self._seconds - self._connection.clock()))

    async def wait(self, wanted: float | None = None) -> bool:
        """Whether there is another try, after the pause before it."""
        self.tried += 1
        now = self._connection.clock()
        if self._since is None:
            self._since = now
        asked = self.wanted if wanted is None else wanted
        pause = pause_before(self.tried, now - self._since, self._seconds, asked, self._draw())
        if pause is None:
            return False
        self.wanted = None
        await self._connection.transport.sleep(pause)
        return True

    async def after(self, lost: Lost) -> None:
        """Waits for another try of a stream; raises what was the matter where there is none."""
        if await self.wait():
            return
        if self.error is not None:
            raise self.error
        raise self._connection.unreachable(lost) from lost
