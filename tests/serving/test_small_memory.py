"""A server that may map 512 MiB and no more; and one that gets no more memory in the middle of its work."""

from __future__ import annotations

import http.client
import json
import resource
import socket
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.gauges import resident_mib
from bench.serving import serving
from stook import App

MIB = 2**20
LINES = 1_000_000
NDJSON = "application/x-ndjson"


@pytest.fixture
def small(tmp_path):
    store = f"sqlite:///{tmp_path}/stook.db"
    with App("small", store=store) as app:
        app.task("t")(handle)
        with app.working():
            pass
    with serving(store, address_space=512 * MIB) as served:
        yield served


async def handle(_: object) -> None: ...


def connected(served):
    parts = urlsplit(served.url)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)


def ask(served, method, path, body=None):
    with closing(connected(served)) as connection:
        connection.request(
            method, f"/api/v1{path}", body, {"authorization": f"Bearer {served.key}", "content-type": NDJSON}
        )
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else None


def lines(n):
    return b"".join(b'{"n":%d,"pad":"%s"}\n' % (index, b"a" * 40) for index in range(n))


class Follower:
    """Of one batch, to its end; `slow`: a byte at a time, a few a second."""

    def __init__(self, served, batch_id, *, slow):
        parts = urlsplit(served.url)
        self.wire = socket.create_connection((parts.hostname, parts.port), timeout=60)
        head = (
            f"GET /api/v1/batches/{batch_id}/follow HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {served.key}\r\n\r\n"
        )
        self.wire.sendall(head.encode())
        self.slow = slow
        self.over = threading.Event()
        self.text = b""
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        self.wire.settimeout(0.05)
        while not self.over.wait(0.09 if self.slow else 0):
            try:
                data = self.wire.recv(1 if self.slow else 65536)
            except TimeoutError:
                continue
            if not data:
                return
            self.text += data

    def end(self):
        self.over.set()
        self.thread.join()
        self.wire.close()
        return self.text


def begun(served):
    """The batch whose stream is coming in."""
    while True:
        _, page = ask(served, "GET", "/batches")
        if page["data"]:
            return page["data"][0]


def settled(served):
    """The batches, once none is half-written any more."""
    until = time.monotonic() + 20
    while True:
        _, page = ask(served, "GET", "/batches")
        if {one["state"] for one in page["data"]} == {"queued"}:
            return page
        assert time.monotonic() < until, page


def test_a_million_lines_with_ten_followers_in_512_mib(small, tmp_path):
    whole = tmp_path / "items.ndjson"
    whole.write_bytes(lines(LINES))
    command = ["curl", "-sS", "-X", "POST", "-T", whole, "-H", f"authorization: Bearer {small.key}"]
    command += ["-H", f"content-type: {NDJSON}", f"{small.url}/api/v1/batches?task=t"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
        batch = begun(small)
        followers = [Follower(small, batch["id"], slow=number == 0) for number in range(10)]
        made = json.loads(curl.communicate(timeout=120)[0])
    assert (made["id"], made["total"]) == (batch["id"], LINES)
    assert resident_mib(small.pid) < 200
    for follower in followers:
        text = follower.end()
        assert text.startswith(b"HTTP/1.1 200" if not follower.slow else b"HTTP")
        assert follower.slow or b"event: progress" in text


def test_memory_that_is_refused_is_said_and_leaves_nothing(small):
    """The limit falls to what the process has. What was answered 201 is whole, and nothing else stays."""
    ask(small, "POST", "/batches?task=t", lines(1000))
    mapped = int(Path(f"/proc/{small.pid}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(small.pid, resource.RLIMIT_AS, (mapped, 512 * MIB))
    whole = b"".join(b'"%s"\n' % (b"a" * 50_000) for _ in range(2000))
    answers = []

    def send():
        try:
            answers.append(ask(small, "POST", "/batches?task=t", whole))
        except OSError as error:
            answers.append((0, error))

    senders = [threading.Thread(target=send) for _ in range(6)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    resource.prlimit(small.pid, resource.RLIMIT_AS, (512 * MIB, 512 * MIB))
    refused = [(status, body) for status, body in answers if status != 201]
    assert refused
    told = {(status, body["error"]["code"]) for status, body in refused if status}
    assert told <= {(503, "overloaded"), (503, "store_unavailable")}, refused
    page = settled(small)
    whole_ones = [one for one in page["data"] if one["total"] == 2000]
    assert len(page["data"]) == 1 + len(whole_ones)
    assert len(whole_ones) >= len(answers) - len(refused)
    status, body = ask(small, "POST", "/batches?task=t", lines(1000))
    assert status == 201, body
