"""Questions to the resolver: each on its own, none holds up another."""

from __future__ import annotations

import asyncio
import socket
import threading

import httpcore
import pytest

from stook.webhooks.pinned import PinnedBackend
from stook.webhooks.resolving import ResolveFailed, resolve


async def test_each_address_is_given_once_in_the_systems_order(monkeypatch):
    rows = [
        (socket.AF_INET6, 1, 6, "", ("2606:4700::1", 443, 0, 0)),
        (socket.AF_INET, 1, 6, "", ("1.1.1.1", 443)),
        (socket.AF_INET6, 1, 6, "", ("2606:4700::1", 443, 0, 0)),
    ]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: rows)
    assert await resolve("h.example", 443) == ["2606:4700::1", "1.1.1.1"]


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
async def test_what_has_no_address_says_why(monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("socket.getaddrinfo", fail)
    with pytest.raises(ResolveFailed, match="not known|too long"):
        await resolve("h.example", 443)


async def test_a_hundred_that_hang_hold_up_nobody_and_can_be_left(monkeypatch):
    gate, asked = threading.Event(), threading.Semaphore(0)

    def ask(host, *_, **__):
        if host == "slow.example":
            asked.release()
            gate.wait()
        return [(socket.AF_INET, 1, 6, "", ("1.1.1.1", 443))]

    monkeypatch.setattr("socket.getaddrinfo", ask)
    slow = [asyncio.ensure_future(resolve("slow.example", 443)) for _ in range(100)]
    assert await resolve("fast.example", 443) == ["1.1.1.1"]
    assert not any(one.done() for one in slow)
    for one in slow[:50]:
        one.cancel()
    gate.set()
    ended = await asyncio.gather(*slow, return_exceptions=True)
    assert [type(one) for one in ended] == [asyncio.CancelledError] * 50 + [list] * 50


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_the_network_below_resolves_nothing(host):
    with pytest.raises(httpcore.ConnectError, match="was not resolved beforehand"):
        await PinnedBackend().connect_tcp(host, 80)
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        await PinnedBackend().connect_tcp("h.example|localhost", 80)
