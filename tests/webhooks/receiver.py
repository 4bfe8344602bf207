"""A receiver of webhooks on a loop of the test's: real sockets, and an answer of any shape."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import NamedTuple

__all__ = ["OK", "Receiver", "Request", "answered", "closed_port"]

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class Request(NamedTuple):
    line: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    connection: int
    """Counted from 1."""


def answered(status, body=b"", **headers):
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Receiver:
    """`answer(request, writer)` returns bytes to write, or writes itself and returns None, which closes."""

    def __init__(self, answer=lambda _request, _writer: OK, *, host="127.0.0.1", tls=None):
        self._answer = answer
        self._host = host
        self._tls = tls
        self.requests = []
        self.connections = 0
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, self._host, 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        tasks = list(self._tasks)
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks)

    def url(self, path="/in", host="127.0.0.1", scheme="http"):
        return f"{scheme}://{host}:{self.port}{path}"

    async def _serve(self, reader, writer):
        self.connections += 1
        number = self.connections
        self._tasks.add(asyncio.current_task())
        try:
            # Cancelled at the end of the test: streams log the end of a task that says so itself.
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode()
                    line, *rest = head.strip().split("\r\n")
                    headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in rest)}
                    body = await reader.readexactly(int(headers["content-length"]))
                    request = Request(line, headers, body, number)
                    self.requests.append(request)
                    made = self._answer(request, writer)
                    made = await made if asyncio.iscoroutine(made) else made
                    if made is None:
                        return
                    writer.write(made)
                    await writer.drain()
        finally:
            self._tasks.discard(asyncio.current_task())
            writer.close()


@contextlib.contextmanager
def closed_port():
    """One that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
