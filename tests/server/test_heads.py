"""Heads of requests: how long, how slow, and what is no HTTP."""

from __future__ import annotations

import contextlib
import json
import socket

import pytest

from tests.server.serving import serving


@contextlib.contextmanager
def wire_to(served):
    host, port = served.url[7:].split(":")
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        yield wire


def all_of(wire):
    """What comes until the other side closes."""
    pieces = []
    while data := wire.recv(65536):
        pieces.append(data)
    return b"".join(pieces)


def refused(text, status, code):
    head, _, body = text.rpartition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), text
    assert b"connection: close" in head
    assert json.loads(body)["error"]["code"] == code


@pytest.fixture
def quick(where):
    with serving(where, header_seconds=0.3) as served:
        served.know("t")
        yield served


def test_a_head_that_trickles_is_not_waited_for(quick):
    """However often a byte comes."""
    with wire_to(quick) as wire:
        wire.settimeout(0.02)
        text, sent = b"", 0
        for byte in b"GET /healthz HTTP/1.1\r\nx-long: " + b"a" * 10_000:
            try:
                wire.sendall(bytes([byte]))
                sent += 1
                text = wire.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                break
            break
        assert sent < 1000
    refused(text, 408, "sender_gone")


@pytest.mark.parametrize("first", [b"", b"\r\n", b"\r\n\r\n"], ids=["nothing", "a line", "lines"])
def test_who_says_nothing_is_let_go(quick, first):
    with wire_to(quick) as wire:
        wire.sendall(first)
        assert all_of(wire) == b""


def test_the_head_behind_another_request_is_timed_too(quick):
    with wire_to(quick) as wire:
        wire.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HT")
        text = all_of(wire)
    assert text.startswith(b"HTTP/1.1 200")
    refused(text[text.index(b"HTTP/1.1 408") :], 408, "sender_gone")


def test_what_takes_long_behind_its_head_is_not_cut(quick):
    made = quick.client.post("/api/v1/executions?wait=0.7", json={"task": "t", "payload": 1})
    assert (made.status_code, made.json()["state"]) == (202, "queued")


@pytest.mark.parametrize("together", [True, False])
def test_a_head_has_so_many_bytes(served, together):
    head = b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + b"x-long: " + b"a" * 40_000
    with wire_to(served) as wire:
        wire.sendall(head + b"\r\n\r\n" if together else head)
        refused(all_of(wire), 431, "head_too_large")
    assert served.client.get("/healthz", headers={"x-long": "a" * 30_000}).status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /api/v1/batches HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /api/v1/batches HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    ],
    ids=["words", "version", "header", "two lengths", "length"],
)
def test_what_is_no_http_is_refused(served, text):
    with wire_to(served) as wire:
        wire.sendall(text)
        refused(all_of(wire), 400, "invalid_http")


def test_a_client_that_would_rather_speak_http_2_is_served(served):
    """Java's client asks for it with its first request, and goes on with HTTP/1.1 on the same connection."""
    body = b'{"task":"t","payload":1}'
    head = (
        f"POST /api/v1/executions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {served.secret}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    ).encode()
    upgrade = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAA\r\n"
    with wire_to(served) as wire:
        wire.sendall(head + upgrade + b"\r\n" + body)
        first = wire.recv(65536)
        while b"due_at" not in first:
            first += wire.recv(65536)
        assert first.startswith(b"HTTP/1.1 202"), first
        wire.sendall(head + b"connection: close\r\n\r\n" + body)
        second = all_of(wire)
    assert second.startswith(b"HTTP/1.1 202"), second
