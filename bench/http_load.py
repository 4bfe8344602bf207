"""Load in a process of its own: N equal requests over so many kept connections, each sent when the answer to the one
before is there. `python http_load.py URL --path /… --key stk_… --clients 64 --n 20000 < body` prints its figures.

Hand-made on the socket: it stands on the same cores as what it measures, and a client library would take most of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from bench.probe import Figures, latency, run_async

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["load"]

_LENGTH: Final = b"content-length: "


class Requests:
    """What all connections have left to send, and when each was answered."""

    def __init__(self, request: bytes, n: int) -> None:
        self.request = request
        self.left = n
        self.taken: list[float] = []
        self.refused: bytes | None = None
        self.n = n
        self.done = asyncio.get_running_loop().create_future()

    def next(self) -> bytes | None:
        if not self.left:
            return None
        self.left -= 1
        return self.request

    def answered(self, answer: bytes, seconds: float) -> None:
        if not answer.startswith(b"HTTP/1.1 2"):
            self.fail(answer[:500])
        self.taken.append(seconds)
        if len(self.taken) == self.n and not self.done.done():
            self.done.set_result(None)

    def fail(self, why: bytes) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(why.decode(errors="replace")))


class Connection(asyncio.Protocol):
    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._got = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._send()

    def data_received(self, data: bytes) -> None:
        self._got = self._got + data if self._got else data
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._got.find(_LENGTH, 0, end) + len(_LENGTH)
        if len(self._got) - end - 4 < int(self._got[at : self._got.find(b"\r", at)]):
            return
        answer, self._got = self._got, b""
        self._requests.answered(answer, time.perf_counter() - self._sent_at)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._requests.fail(b"a connection was closed")

    def _send(self) -> None:
        assert self._transport is not None
        request = self._requests.next()
        if request is not None:
            self._sent_at = time.perf_counter()
            self._transport.write(request)


async def load(url: str, path: str, key: str, body: bytes, *, clients: int, n: int) -> Figures:
    """`rate` of answers a second, and how long they took. RuntimeError for the first that is no success."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    host, port = parts.hostname, parts.port
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\naccept: */*\r\n"
        f"user-agent: bench\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    loop = asyncio.get_running_loop()
    requests = Requests(head.encode() + body, n)
    start = time.perf_counter()
    made = await asyncio.gather(
        *(loop.create_connection(lambda: Connection(requests), host, port) for _ in range(clients))
    )
    await requests.done
    taken = time.perf_counter() - start
    for transport, _ in made:
        transport.abort()
    return {"rate": n / taken} | latency(requests.taken)


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--path", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--n", type=int, required=True)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    asked = _options()
    content = sys.stdin.buffer.read()
    print(json.dumps(run_async(load(asked.url, asked.path, asked.key, content, clients=asked.clients, n=asked.n))))
