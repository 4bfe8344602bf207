"""A server from its first request to its last, and the document of what it serves."""

from __future__ import annotations

import asyncio
import socket
import threading

import msgspec
import pytest

from stook.config.settings import read_settings
from stook.core.errors import ConfigError, StoreUnavailable
from stook.server.lifecycle import Server
from stook.server.openapi import document
from stook.server.routes import ROUTES
from stook.server.services import Services
from stook.wiring.body_items import BodyItems
from stook.wiring.endpoint_secrets import EndpointSecretsOf
from stook.wiring.session import open_session
from stook.wiring.webhooks import sealer_of
from tests.server.serving import serving
from tests.server.test_batches_in import refused, until


def test_ready_is_said_once_it_answers(where):
    async def main():
        async with open_session(read_settings(url=where)) as session:
            heard = []

            def services():
                secrets = EndpointSecretsOf(session.settings, session.store)
                seal = sealer_of(session.settings, session.store)
                return Services(session.store, session.engine.blobs, BodyItems(), endpoint_secrets=secrets, seal=seal)

            server = Server(services())
            assert await server.start(heard.append) == server.url
            assert heard == [server.url]
            port = int(server.url.rpartition(":")[2])
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            second = Server(services(), port=port)
            with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
                await second.start()
            await second.stop()
            await server.stop()
            await server.wait()
            with pytest.raises(ConnectionError):
                await asyncio.open_connection("127.0.0.1", port)

    asyncio.run(main())


def test_a_request_under_way_is_finished(served):
    """The last piece of its body comes after the server was told to stop."""
    told = threading.Event()

    def pieces():
        yield b"1\n" * 20_000
        until(lambda: served.services.uploads.running)
        stopping = asyncio.run_coroutine_threadsafe(served.server.stop(), served.loop)
        stopping.add_done_callback(lambda _: told.set())
        until(lambda: not accepts(served))
        yield b"2\n"

    answer = served.client.post(
        "/api/v1/batches?task=t", content=pieces(), headers={"content-type": "application/x-ndjson"}
    )
    assert (answer.status_code, answer.json()["total"]) == (201, 20_001)
    assert told.wait(20)


def accepts(served):
    host, port = served.url[7:].split(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def test_a_wait_ends_when_the_server_stops(served):
    def stop_soon():
        until(lambda: served.services.tenants.of("default").engine.feeds._feeds)
        asyncio.run_coroutine_threadsafe(served.server.stop(), served.loop)

    stopper = threading.Thread(target=stop_soon)
    stopper.start()
    answer = served.client.post("/api/v1/executions?wait=60", json={"task": "t", "payload": 1})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    stopper.join(10)


def test_too_many_uploads_are_put_off(where):
    with serving(where, uploads=1) as served:
        served.know("t")
        lines = {"content-type": "application/x-ndjson"}

        def pieces():
            yield b"1\n"
            until(lambda: served.services.uploads.running)
            with served.as_secret(served.secret) as other:
                answer = other.post("/api/v1/batches?task=t", content=b"2\n", headers=lines)
                refused(answer, 503, "overloaded")
                assert answer.headers["retry-after"] == "1"
                assert other.post("/api/v1/batches", json={"task": "t", "items": [1]}).status_code == 201
            yield b"3\n"

        answer = served.client.post("/api/v1/batches?task=t", content=pieces(), headers=lines)
        assert (answer.status_code, answer.json()["total"]) == (201, 2)


def test_a_silent_sender_is_not_waited_for(where):
    with serving(where, body_seconds=0.2) as served:
        served.know("t")
        host, port = served.url[7:].split(":")
        head = (
            f"POST /api/v1/batches?task=t HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {served.secret}\r\n"
            "content-type: application/x-ndjson\r\ncontent-length: 100\r\n\r\n1\n"
        )
        with socket.create_connection((host, int(port)), timeout=10) as wire:
            wire.sendall(head.encode())
            assert wire.recv(65536).startswith(b"HTTP/1.1 408")
        assert served.client.get("/api/v1/batches").json()["data"] == []


def test_the_store_that_does_not_answer_is_said_to(served, monkeypatch):
    async def away(verb, *args, **options):
        raise StoreUnavailable("the database is away", hint="it comes back")

    monkeypatch.setattr(served.services.store, "read", away)
    assert served.client.get("/healthz").status_code == 200
    for path in ("/readyz", "/api/v1/batches"):
        answer = served.client.get(path)
        refused(answer, 503, "store_unavailable", hint="it comes back")
        assert answer.headers["retry-after"] == "1"


def test_every_route_is_in_the_document(served):
    made = served.client.get("/api/v1/openapi.json").json()
    assert made["openapi"] == "3.1.0"
    there = {(method.upper(), path) for path, methods in made["paths"].items() for method in methods}
    assert there == {(route.method, route.path.replace(":path", "")) for route in ROUTES}
    names = [one["operationId"] for methods in made["paths"].values() for one in methods.values()]
    assert len(names) == len(set(names))


def references(part):
    if isinstance(part, dict):
        yield from [part["$ref"]] if "$ref" in part else []
        for inside in part.values():
            yield from references(inside)
    elif isinstance(part, list):
        for inside in part:
            yield from references(inside)


def test_every_reference_of_the_document_is_there():
    made = msgspec.to_builtins(document(ROUTES))
    schemas = {f"#/components/schemas/{name}" for name in made["components"]["schemas"]}
    assert set(references(made)) <= schemas
    for methods in made["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            assert ("x-scope" in operation) == bool(operation["security"])
