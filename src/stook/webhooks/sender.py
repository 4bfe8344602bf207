"""One attempt: resolve once, check every address, connect to one that was checked, sign, send, read a little.

What comes of it is always an `Attempted`. Its `error` begins with a word that does not change between releases:

    resolve_failed   blocked_address   connect_failed   tls_failed   timeout   protocol_error   http_status
    secret_unreadable   invalid_endpoint   internal_error
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpcore
import httpx

from stook.core.errors import OptionError
from stook.engine.deliveries import Attempted
from stook.webhooks.letter import METHOD, headers_of, masked
from stook.webhooks.pinned import TlsFailed, pinned
from stook.webhooks.pools import Pools
from stook.webhooks.resolving import ResolveFailed, resolve
from stook.webhooks.retry_after import read_retry_after
from stook.webhooks.target import read_url

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from stook.webhooks.address_guard import AddressGuard
    from stook.webhooks.letter import Letter
    from stook.webhooks.resolving import Resolve
    from stook.webhooks.target import Target

__all__ = ["Limits", "Sender"]

log = logging.getLogger("stook.webhooks")
_SUCCESS: Final = range(200, 300)
_MOST_WORDS: Final = 300


@dataclass(frozen=True)
class Limits:
    """Seconds; bytes. `answer_bytes` are kept; an answer longer than `read_bytes` is not read to its end, nor is its
    connection used again."""

    total: float = 15.0
    connect: float = 5.0
    answer_bytes: int = 2048
    read_bytes: int = 65_536
    idle: float = 20.0


class _Answer(NamedTuple):
    code: int
    start: bytes
    retry_after: str | None


class _Failed(Exception):
    """`word: detail`."""


class Sender:
    """Redirects are not followed, and no proxy of the environment is asked. Certificates are checked against the usual
    authorities, or those of `SSL_CERT_FILE`. `clock` gives microseconds since the epoch."""

    def __init__(
        self,
        guard: AddressGuard,
        *,
        limits: Limits | None = None,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._guard = guard
        self._limits = limits or Limits()
        self._resolve = resolve
        self._clock = clock
        self._pools = Pools(tls or httpx.create_ssl_context(), idle=self._limits.idle)

    async def close(self) -> None:
        await self._pools.close()

    async def send(self, letter: Letter) -> Attempted:
        """Takes `Limits.total` seconds at most."""
        began = time.perf_counter_ns()
        headers: dict[str, str] = {}
        answer: _Answer | None = None
        error: str | None = None
        try:
            target = read_url(letter.url)
            now = self._clock()
            headers = headers_of(letter, target.url, now // 1_000_000)
            async with asyncio.timeout(self._limits.total):
                answer = await self._exchange(target, headers, letter.body)
        except OptionError as wrong:  # of a server that was configured otherwise, or lacks a scheme
            error = f"invalid_endpoint: {wrong}"
        except TimeoutError:
            error = f"timeout: not done within {self._limits.total:g} s"
        except _Failed as failed:
            error = str(failed)
        except Exception as unexpected:
            log.exception("an attempt to deliver %s failed unexpectedly", letter.event_id)
            error = f"internal_error: {type(unexpected).__name__}, see the server's log"
        if answer is not None and answer.code not in _SUCCESS:
            error = "http_status"
        return Attempted(
            headers=masked(headers, letter.auth),
            code=None if answer is None else answer.code,
            error=None if error is None else _plain(error),
            duration=(time.perf_counter_ns() - began) // 1000,
            answer=b"" if answer is None else answer.start,
            retry_after=None if answer is None else read_retry_after(answer.retry_after, self._clock()),
        )

    async def _exchange(self, target: Target, headers: dict[str, str], body: bytes) -> _Answer:
        addresses = await self._addresses(target)
        own = {"Host": target.authority, **headers, "Content-Length": str(len(body))}
        connected = False

        async def watch(event: str, _: dict[str, Any]) -> None:
            nonlocal connected
            connected = connected or event.startswith("connection.connect_tcp")

        request = httpcore.Request(
            METHOD,
            httpcore.URL(
                scheme=target.scheme, host=pinned(target.host, addresses), port=target.port, target=target.path
            ),
            headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in own.items()],
            content=body,
            extensions={
                "timeout": {"connect": self._limits.connect},
                "sni_hostname": target.host.removesuffix("."),
                "trace": watch,
            },
        )
        while True:
            try:
                return await self._once(request)
            except (httpcore.NetworkError, httpcore.ProtocolError) as error:
                if connected:
                    raise _failure(error) from error
                # The receiver closed an idle connection just before it was used again: no failure of its own.

    async def _once(self, request: httpcore.Request) -> _Answer:
        async with self._pools.to(request.url) as pool:
            try:
                response = await pool.handle_async_request(request)
            except httpcore.ConnectTimeout:
                raise _Failed(f"connect_failed: no connection within {self._limits.connect:g} s") from None
            try:
                start = await self._start(response)
            finally:
                await response.aclose()
        asked = next((value for name, value in response.headers if name.lower() == b"retry-after"), None)
        return _Answer(response.status, start, None if asked is None else asked.decode("latin-1"))

    async def _start(self, response: httpcore.Response) -> bytes:
        start, read = bytearray(), 0
        async for part in response.aiter_stream():
            start += part[: max(0, self._limits.answer_bytes - len(start))]
            read += len(part)
            if read > self._limits.read_bytes:
                break
        return bytes(start)

    async def _addresses(self, target: Target) -> list[str]:
        """Each has passed: these, and no others, are connected to."""
        if not self._guard.admits_port(target.port):
            raise _Failed(f"blocked_address: port {target.port} may not be called")
        literal = target.literal
        try:
            found = [literal] if literal is not None else await self._resolve(target.host, target.port)
        except ResolveFailed as error:
            raise _Failed(f"resolve_failed: {error}") from None
        if not found:
            raise _Failed("resolve_failed: the name has no address")
        blocked = [one for one in found if not self._guard.admits(one)]
        if blocked:
            # What an internal name resolves to is for those who run the server, not for those who run endpoints.
            log.warning("%s resolves to %s, which may not be called", target.host, ", ".join(blocked))
            raise _Failed(f"blocked_address: {target.host} is not at an address that may be called")
        return found


def _plain(text: str) -> str:
    """It may quote what a stranger sent."""
    return "".join(one if one.isprintable() else "?" for one in text[:_MOST_WORDS])


def _failure(error: Exception) -> _Failed:
    said = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, TlsFailed):
        return _Failed(f"tls_failed: {said}")
    if isinstance(error, httpcore.ConnectError):
        return _Failed(f"connect_failed: {said}")
    return _Failed(f"protocol_error: {said}")
