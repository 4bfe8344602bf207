"""uvicorn's connection, kept within bounds: a head has so many bytes and so much time, and whoever takes nothing of an
answer can be cut, since closing would wait for it.

made ──▶ head ──▶ request ──▶ answered ──▶ at rest ──▶ head …      timed here: heads, and whatever comes at rest
          └─ too long, too slow, no HTTP: told so, closed
"""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stook.server.refusal import Refusal

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from stook.server.limits import Limits

__all__ = ["connection_of"]

_NO_HTTP: Final = Refusal(400, "invalid_http", "this is no HTTP request", hint="send HTTP/1.1")
_TOO_SLOW: Final = Refusal(408, "sender_gone", "the head of the request did not come in time", hint="send it again")


class _TooLong(Exception):
    """Its head. The parser stops at it."""


class _Connection(HttpToolsProtocol):
    """The application finds `cut` in the state of its scope."""

    limits: Limits
    _timer: asyncio.TimerHandle | None = None
    _heading = False
    _head_bytes = 0
    _is_too_long = False
    _staying = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "cut": transport.abort}
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse(self._too_long() if self._is_too_long else _NO_HTTP)
        if self.transport.is_closing():
            return
        if self._heading:
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.header_bytes:
                self._refuse(self._too_long())
                return
        if self._timer is None and self._at_rest():
            self._arm()  # from the first byte, be it an empty line or what is left of a body that nobody wants

    def on_message_begin(self) -> None:
        if self._staying:
            return
        self._heading, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._staying:
            return
        self._heading = False
        self._disarm()
        size = len(self.url) + sum([len(name) + len(value) for name, value in self.headers])
        if size > self.limits.header_bytes:
            self._is_too_long = True
            raise _TooLong
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not (self.parser.should_upgrade() and self._framing()):  # its body is still to come
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._heading and self._timer is None and self._at_rest():
            self._arm()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._stay()
            self._feed(data[upgrade.args[0] :])

    def _stay(self) -> None:
        """Where a client would rather speak something else (Java's asks for HTTP/2 with its first request), the parser
        leaves HTTP behind the head. Nobody follows it here: another parser goes on, with the body."""
        framing = self._framing()
        self.parser = httptools.HttpRequestParser(self)
        if framing:
            self._staying, self.headers = True, []
            self.parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n")
            self._staying = False

    def _framing(self) -> bytes:
        """The headers that say where the body ends; none without a body."""
        return b"".join(
            b"%s: %s\r\n" % header for header in self.headers if header[0] in (b"content-length", b"transfer-encoding")
        )

    def _at_rest(self) -> bool:
        """No request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return (cycle is None or cycle.response_complete) and not self.pipeline

    def _arm(self) -> None:
        self._timer = self.loop.call_later(self.limits.header_seconds, self._too_slow)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._heading:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.close()

    def _too_long(self) -> Refusal:
        return Refusal(
            431,
            "head_too_large",
            f"the head of the request has more than {self.limits.header_bytes} bytes",
            hint="send long values in the body",
        )

    def _refuse(self, refusal: Refusal) -> None:
        """An answer that has begun is cut short: another within it would be taken for a part of it."""
        if self._at_rest() or not self.cycle.response_started:
            body = refusal.body()
            phrase = HTTPStatus(refusal.status).phrase
            head = (
                f"HTTP/1.1 {refusal.status} {phrase}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\nx-request-id: {secrets.token_hex(8)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()


def connection_of(limits: Limits) -> type[HttpToolsProtocol]:
    """The class of connections that keep to them."""
    return type("Connection", (_Connection,), {"limits": limits})
