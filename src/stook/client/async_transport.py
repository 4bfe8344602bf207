"""Requests carried by the running event loop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from stook.client.request import Answer
from stook.client.transport import CONNECT, SILENCE, Lost, authorities, carried_headers, load_httpx, user_headers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    import httpx

    from stook.client.address import Address
    from stook.client.request import Body, Request
    from stook.client.transport import Stream

__all__ = ["AsyncTransport"]


class AsyncTransport:
    def __init__(self, address: Address, *, base: str = "/api/v1") -> None:
        self._httpx = load_httpx()
        self._base = f"{address.url}{base}"
        self._http: httpx.AsyncClient = self._httpx.AsyncClient(
            headers=user_headers(address),
            verify=authorities(),
            limits=self._httpx.Limits(max_connections=None, max_keepalive_connections=100),
        )

    async def send(self, request: Request[Any], silence: float = SILENCE) -> Answer:
        with self.losses():
            response = await self._http.send(self._request(request, silence + request.seconds))
        return _answer(response)

    @contextlib.asynccontextmanager
    async def stream(self, request: Request[Any], silence: float) -> AsyncIterator[Stream]:
        with self.losses():
            response = await self._http.send(self._request(request, silence), stream=True)
        try:
            yield _Stream(response, self)
        finally:
            await response.aclose()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        await self._http.aclose()

    @contextlib.contextmanager
    def losses(self) -> Iterator[None]:
        try:
            yield
        except self._httpx.TransportError as error:
            raise Lost(str(error) or type(error).__name__, quiet=isinstance(error, self._httpx.ReadTimeout)) from error

    def _request(self, request: Request[Any], read: float) -> httpx.Request:
        return self._http.build_request(
            request.method,
            self._base + request.path,
            params=request.query or None,
            content=_elsewhere(request.body) if callable(request.body) else request.body,
            headers=(*request.headers, *carried_headers()),
            timeout=self._httpx.Timeout(connect=min(CONNECT, read), read=read, write=SILENCE, pool=SILENCE),
        )


async def _elsewhere(body: Body) -> AsyncIterator[bytes]:
    """Reading a file blocks: a thread does it."""
    pieces = body()
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece


class _Stream:
    def __init__(self, response: httpx.Response, transport: AsyncTransport) -> None:
        self._response = response
        self._transport = transport
        self.status = response.status_code

    async def pieces(self) -> AsyncGenerator[bytes]:
        found = self._response.aiter_bytes()
        while True:
            with self._transport.losses():
                piece = await anext(found, None)
            if piece is None:
                return
            yield piece

    async def whole(self) -> Answer:
        with self._transport.losses():
            await self._response.aread()
        return _answer(self._response)


def _answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content)
