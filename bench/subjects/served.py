"""stook behind HTTP: `stook serve` in a process of its own, asked as other languages ask it. What both databases are
asked.

Most probes speak HTTP by hand: the client stands on the same two cores as the server it measures.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import msgspec

from bench.gauges import resident_mib
from bench.probe import Ask, Figures, Tally, latency, result, row, say_ready, slices, worker_beside
from bench.serving import Served, serving
from bench.subjects.noop import noop_of, rows
from bench.subjects.operations import operations_of
from stook import App, Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Api", "Growth", "known", "modes_of", "worker"]

LOOK: Final = 0.02
"""Seconds between two looks at a process's memory."""
BODY: Final = 10_000
FOLLOWERS: Final = 100
CLIENTS: Final = 64
LOOKS: Final = 200
IDLE: Final = 0.02
DRAINED_S: Final = 60.0
LOAD: Final = Path(__file__).parents[1] / "http_load.py"


class Api:
    """One kept connection. RuntimeError for an answer that is no success."""

    def __init__(self, served: Served, base: str = "/api/v1") -> None:
        self._base = base
        parts = urlsplit(served.url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        self._headers = {"authorization": f"Bearer {served.key}"}

    def call(self, method: str, path: str, body: bytes | None = None, media_type: str = "application/json") -> Any:
        given = {} if body is None else {"content-type": media_type}
        self._connection.request(method, f"{self._base}{path}", body, self._headers | given)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:500]!r}")
        return json.loads(content) if content else None

    def follow(self, path: str) -> http.client.HTTPResponse:
        """The answer, to be read as it comes; the connection is not usable until it has ended."""
        self._connection.request("GET", f"{self._base}{path}", headers=self._headers)
        return self._connection.getresponse()

    def close(self) -> None:
        self._connection.close()


class Growth:
    """The resident memory of a process while the context is open: before it, and at most."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.before = self.most = 0.0

    def __enter__(self) -> Self:
        self.before = self.most = resident_mib(self._pid)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def mib(self) -> float:
        return self.most - self.before

    def _watch(self) -> None:
        while not self._over.wait(LOOK):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                self.most = max(self.most, resident_mib(self._pid))


@contextlib.contextmanager
def known(store: str) -> Iterator[Served]:
    """A server that knows the task: a worker has been there."""
    with App("bench", store=store) as app:
        noop_of(app, lambda: None)
        with app.working():
            pass
    with serving(store) as served:
        yield served


def modes_of(script: str, url_of: Callable[[Ask], str]) -> dict[str, Callable[[Ask], Figures]]:
    """What `script` answers; `url_of` an `Ask` is the store's."""
    made = (submit_bodies, submit_stream, singles, progress, operations, memory)
    modes = {one.__name__: _on(one, url_of) for one in made}
    return modes | {
        "worker": _on(worker, url_of),
        "latency": lambda ask: latency_of(ask, url_of(ask), script, _waited),
        "latency_followed": lambda ask: latency_of(ask, url_of(ask), script, _followed),
    }


def _on(mode: Callable[[Ask, str], Figures], url_of: Callable[[Ask], str]) -> Callable[[Ask], Figures]:
    return lambda ask: mode(ask, url_of(ask))


def lines(n: int) -> bytes:
    return b"\n".join(map(msgspec.json.encode, rows(n)))


def submit_bodies(ask: Ask, store: str) -> Figures:
    """Items become JSON on the clock, as they do where a program submits them."""
    parts: Sequence[Sequence[dict[str, Any]]] = list(slices(list(rows(ask.n)), BODY))
    encode = msgspec.json.encode
    with known(store) as served:
        api = Api(served)
        api.call("POST", "/batches", encode({"task": "noop", "items": parts[0]}))
        with Growth(served.pid) as growth:
            start = time.perf_counter()
            totals = [api.call("POST", "/batches", encode({"task": "noop", "items": part}))["total"] for part in parts]
            taken = time.perf_counter() - start
        _check(sum(totals), ask.n)
    return {"rate": ask.n / taken, "growth_mib": growth.mib}


def submit_stream(ask: Ask, store: str) -> Figures:
    body = lines(ask.n)
    with known(store) as served:
        api = Api(served)
        api.call("POST", "/batches?task=noop", lines(1000), "application/x-ndjson")
        with Growth(served.pid) as growth:
            start = time.perf_counter()
            made = api.call("POST", "/batches?task=noop", body, "application/x-ndjson")
            taken = time.perf_counter() - start
        _check(made["total"], ask.n)
    return {"rate": ask.n / taken, "growth_mib": growth.mib}


def singles(ask: Ask, store: str) -> Figures:
    """The clients are a process of their own. Afterwards the store has all of them."""
    body = msgspec.json.encode({"task": "noop", "payload": row(1)})
    with known(store) as served:
        load(served, body, 1000)
        figures = load(served, body, ask.n)
    tally = Tally(ask.n + 1000)
    with App("bench", store=store) as app:
        noop_of(app, tally.hit)
        with app.working():
            until = time.monotonic() + DRAINED_S
            while not tally.last_at and time.monotonic() < until:
                time.sleep(LOOK)
    _check(tally.calls, tally.n)
    return figures


def load(served: Served, body: bytes, n: int) -> Figures:
    command = [sys.executable, "-P", str(LOAD), served.url, "--path", "/api/v1/executions", "--key", served.key]
    done = subprocess.run(
        [*command, "--clients", str(CLIENTS), "--n", str(n)],
        input=body,
        stdout=subprocess.PIPE,
        timeout=120,
        check=True,
    )
    figures: Figures = json.loads(done.stdout)
    return figures


def progress(ask: Ask, store: str) -> Figures:
    """As another language asks for it: a new look each, no If-None-Match."""
    half = threading.Event()
    calls = 0

    def hit() -> None:
        nonlocal calls
        calls += 1
        if calls == ask.n // 2:
            half.set()

    with App("bench", store=store) as app:
        batch = noop_of(app, hit).map(rows(ask.n))
        with app.working():
            half.wait()
        with serving(store) as served:
            api, taken = Api(served), []
            shown = api.call("GET", f"/batches/{batch.id}")
            for _ in range(LOOKS):
                start = time.perf_counter()
                api.call("GET", f"/batches/{batch.id}")
                taken.append(time.perf_counter() - start)
    if not ask.n // 2 <= shown["counters"]["succeeded"] < ask.n:
        msg = f"{shown['counters']} is not half settled"
        raise RuntimeError(msg)
    return {"progress_ms": 1000 * median(taken)}


def operations(ask: Ask, store: str) -> Figures:
    """By the client library; the worker is in this process, on the store."""
    with serving(store) as served, Client(served.url, key=served.key) as client:
        return operations_of(ask, store, lambda batch: client.batch(batch.id))


def memory(ask: Ask, store: str) -> Figures:
    """A stream comes in while a hundred follow its batch."""
    body = lines(ask.n)
    with known(store) as served:
        api = Api(served)
        api.call("POST", "/batches?task=noop", lines(1000), "application/x-ndjson")
        followers: list[threading.Thread] = []

        def join(batch_id: str) -> None:
            for _ in range(FOLLOWERS):
                thread = threading.Thread(target=follow_to_end, args=(served, batch_id), daemon=True)
                thread.start()
                followers.append(thread)

        first = 0.0
        with Growth(served.pid) as growth:
            sending = threading.Thread(
                target=Api(served).call, args=("POST", "/batches?task=noop", body, "application/x-ndjson")
            )
            sending.start()
            batch = _second(api)
            join(batch["id"])
            while sending.is_alive():
                sending.join(LOOK)
                if not first and api.call("GET", f"/batches/{batch['id']}")["total"] >= ask.n // 10:
                    first = growth.most
        _check(api.call("GET", f"/batches/{batch['id']}")["total"], ask.n)
        if not all(thread.is_alive() for thread in followers):
            msg = "a follower was cut"
            raise RuntimeError(msg)
    return {"rss_mib": growth.most, "rss_growth_mib": growth.most - (first or growth.before)}


def _second(api: Api) -> dict[str, Any]:
    """The batch whose stream has begun."""
    while True:
        data: list[dict[str, Any]] = api.call("GET", "/batches?limit=2")["data"]
        if len(data) == 2:
            return data[0]
        time.sleep(LOOK)


def follow_to_end(served: Served, batch_id: str) -> None:
    answer = Api(served).follow(f"/batches/{batch_id}/follow")
    with contextlib.suppress(OSError, http.client.HTTPException):
        while answer.read1(65536):
            pass


def worker(ask: Ask, store: str) -> Figures:
    with App("bench", store=store) as app:
        noop_of(app, lambda: None)
        with app.working():
            say_ready()
            threading.Event().wait()
    return {}


def latency_of(ask: Ask, store: str, script: str, once: Callable[[Api, int], None]) -> Figures:
    """A submission that waits for its end in the same request, or is followed in a second one; the worker is a process
    of its own."""
    with worker_beside(script, ask), serving(store) as served:
        api = Api(served)
        taken: list[float] = []
        for index in range(ask.n + 5):
            time.sleep(IDLE)
            start = time.perf_counter()
            once(api, index)
            taken.append(time.perf_counter() - start)
    return latency(taken[5:])


def _waited(api: Api, index: int) -> None:
    shown = api.call("POST", "/executions?wait=30", msgspec.json.encode({"task": "noop", "payload": row(index)}))
    assert shown["result"] == result(row(index))


def _followed(api: Api, index: int) -> None:
    made = api.call("POST", "/executions", msgspec.json.encode({"task": "noop", "payload": row(index)}))
    last = api.follow(f"/executions/{made['id']}/follow").read().rpartition(b"data: ")[2]
    assert json.loads(last)["result"] == result(row(index))


def _check(found: int, wanted: int) -> None:
    if found != wanted:
        msg = f"{found} of {wanted} items are there"
        raise RuntimeError(msg)
