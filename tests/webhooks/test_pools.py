"""Connections are kept where they are soon needed again, and nowhere else."""

from __future__ import annotations

import asyncio
import ssl

import httpcore
import pytest

from stook.webhooks import pools as module
from stook.webhooks.pinned import pinned
from stook.webhooks.pools import Pools
from tests.webhooks.receiver import Receiver


async def asked(pools, receiver, host="h.example"):
    url = httpcore.URL(scheme="http", host=pinned(host, ["127.0.0.1"]), port=receiver.port, target="/")
    request = httpcore.Request("POST", url, headers={"host": host, "content-length": "0"})
    async with pools.to(url) as pool:
        response = await pool.handle_async_request(request)
        await response.aread()
        await response.aclose()
    return response.status


@pytest.fixture
def tls():
    return ssl.create_default_context()


async def test_a_place_has_one_pool_and_another_name_at_its_address_another(tls):
    pools = Pools(tls, idle=60)
    async with Receiver() as receiver:
        for host in ("one.example", "two.example", "one.example"):
            assert await asked(pools, receiver, host) == 204
        assert [request.connection for request in receiver.requests] == [1, 2, 1]
        await pools.close()


async def test_what_was_idle_too_long_is_closed_by_the_next_request(tls):
    pools = Pools(tls, idle=-1)
    async with Receiver() as one, Receiver() as other:
        await asked(pools, one)
        await asked(pools, other)
        assert [place.users for place in pools._places.values()] == [0]
        await pools.close()


async def test_only_so_many_places_are_kept_the_last_used_ones(tls, monkeypatch):
    monkeypatch.setattr(module, "_PLACES", 2)
    pools = Pools(tls, idle=60)
    async with Receiver() as receiver:
        for host in ("a.example", "b.example", "a.example", "c.example", "a.example", "b.example"):
            await asked(pools, receiver, host)
        assert [request.connection for request in receiver.requests] == [1, 2, 1, 3, 1, 4]
        await pools.close()


async def test_a_place_in_use_is_never_closed(tls, monkeypatch):
    monkeypatch.setattr(module, "_PLACES", 1)
    gate = asyncio.Event()

    async def wait(_request, _writer):
        await gate.wait()
        return b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"

    pools = Pools(tls, idle=-1)
    async with Receiver(wait) as slow, Receiver() as fast:
        waiting = asyncio.ensure_future(asked(pools, slow))
        while not slow.requests:
            await asyncio.sleep(0)
        assert await asked(pools, fast) == 204
        assert await asked(pools, fast) == 204
        gate.set()
        assert await waiting == 200
        await pools.close()
