"""What every request meets: keys, scopes, projects, limits, ids, and answers that never are a traceback."""

from __future__ import annotations

import json
import socket

import httpx
import pytest

from stook.engine.service import Engine
from stook.server.routes import ROUTES
from tests.server.test_batches_in import refused

JSON = {"content-type": "application/json"}


def path_of(route):
    path = (
        route.path.replace("{task:path}", "t").replace("{index}", "0").replace("{key}", "k").replace("{project}", "p")
    )
    return path.replace("{batch}", GHOST).replace("{execution}", GHOST).replace("{action}", GHOST)


GHOST = "0192f0c1-7b7e-7000-8a2b-3c4d00000000"
GUARDED = [route for route in ROUTES if route.scope is not None]
NAMES = [route.name for route in GUARDED]


def test_no_key_no_answer(served):
    with served.as_secret(None) as client:
        for number, secret in enumerate((None, "x", "stk_a_b", served.secret[:-1] + "x", "é" * 10, "x" * 10_000)):
            header = {} if secret is None else {"authorization": f"Bearer {secret}".encode()}
            for route in GUARDED[:: 1 if not number else 9]:
                answer = client.request(route.method, path_of(route), headers=header)
                refused(answer, 401, "unauthorized")
                assert answer.headers["www-authenticate"].startswith("Bearer")
    with served.as_secret(None) as client:
        refused(client.get("/api/v1/batches", headers={"authorization": f"Basic {served.secret}"}), 401, "unauthorized")


def test_a_scope_that_is_missing_is_named(served):
    scopes = ["read", "submit", "operate", "worker"]
    for route in GUARDED:
        others = [one for one in scopes if one != route.scope]
        with served.as_key(*others) as client:
            error = refused(client.request(route.method, path_of(route)), 403, "forbidden")
            assert repr(route.scope) in error["message"]


def test_with_its_scope_a_route_answers(served):
    """And never so that the server is at fault, whatever is missing."""
    for route in GUARDED:
        if route.name == "follow_project":
            continue  # has no end
        with served.as_key(route.scope) as client:
            assert client.request(route.method, path_of(route)).status_code not in (401, 403, 405, 500)


def test_what_belongs_to_others_is_not_there(served):
    made = served.client.post("/api/v1/batches", json={"task": "t", "items": [1, 2]}).json()
    acted = served.client.post(f"/api/v1/batches/{made['id']}/pause").json()["action"]
    before = served.client.get(f"/api/v1/batches/{made['id']}").json()
    with served.as_key("admin", project="others") as client:
        for route in GUARDED:
            if not {"batch", "execution", "action"} & set(route.path.replace("{", "}").split("}")):
                continue
            path = path_of(route).replace(GHOST, acted["id"] if "{action}" in route.path else made["id"])
            content = b'{"items":[3]}' if route.name == "append_items" else b'{"max_concurrency":1}'
            if route.method == "GET" or "limits" not in path:
                content = b"{}" if route.name != "append_items" else content
            query = {"offset": 2} if route.name == "append_items" else {}
            answer = client.request(route.method, path, params=query, content=content, headers=JSON)
            code = "execution_not_found" if route.path.endswith("/status") else "not_found"
            refused(answer, 404, code)
        assert client.get("/api/v1/batches").json()["data"] == []
        assert client.get("/api/v1/actions").json()["data"] == []
        assert client.get("/api/v1/events").json()["data"] == []
    assert served.client.get(f"/api/v1/batches/{made['id']}").json() == before


def test_a_revoked_key_opens_nothing_at_once(served):
    made = served.client.post("/api/v1/keys", json={"name": "n", "scopes": ["read"]})
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    with served.as_secret(made.json()["secret"]) as client:
        assert client.get("/api/v1/batches").status_code == 200
        rotated = served.client.post(f"/api/v1/keys/{made.json()['id']}/rotate").json()
        refused(client.get("/api/v1/batches"), 401, "unauthorized")
    with served.as_secret(rotated["secret"]) as client:
        assert client.get("/api/v1/batches").status_code == 200
        assert served.client.delete(f"/api/v1/keys/{made.json()['id']}").status_code == 204
        refused(client.get("/api/v1/batches"), 401, "unauthorized")
    listed = served.client.get("/api/v1/keys").text
    assert rotated["secret"] not in listed
    assert json.loads(listed)["data"][-1]["revoked_at"] is not None


def test_ids_of_requests(served):
    assert served.client.get("/healthz", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    made = {served.client.get("/nothing", headers={"x-request-id": "a b"}).headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3
    assert "a b" not in made


def test_what_is_not_there(served):
    refused(served.client.get("/api/v1/batches/"), 404, "not_found")
    answer = served.client.put("/api/v1/batches")
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"
    refused(served.client.get("/api/v1/batches/nonsense"), 404, "not_found")
    refused(served.client.get("/api/v1/batches?after=x"), 400, "option_error", field="after")
    refused(served.client.get("/api/v1/batches?limit=0"), 400, "option_error", field="limit")
    refused(served.client.get("/api/v1/batches?limit=1&limit=2"), 400, "option_error", field="limit")
    refused(served.client.get("/api/v1/batches?colour=1"), 400, "unknown_field", field="colour")
    refused(served.client.get("/api/v1/batches?state=done"), 400, "option_error", field="state")
    near = refused(served.client.post("/api/v1/batches", json={"task": "tt", "items": []}), 404, "not_found")
    assert "'t'" in near["hint"]


def test_an_unexpected_error_is_an_answer_with_an_id(served, monkeypatch, caplog):
    async def broken(engine, batch_id):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(Engine, "why", broken)
    made = served.client.post("/api/v1/batches", json={"task": "t", "items": []}).json()
    answer = served.client.get(f"/api/v1/batches/{made['id']}/why", headers={"x-request-id": "find-me"})
    error = refused(answer, 500, "internal_error")
    assert "find-me" in error["message"]
    assert "secret detail" not in answer.text
    assert "find-me" in caplog.text


def raw(served, content):
    """The whole answer to bytes that need not be HTTP."""
    host, port = served.url[7:].split(":")
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        wire.sendall(content)
        wire.shutdown(socket.SHUT_WR)
        pieces = []
        while data := wire.recv(65536):
            pieces.append(data)
    return b"".join(pieces)


@pytest.mark.parametrize(
    "content",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 100_000 + b"\r\n\r\n",
        b"POST /api/v1/batches HTTP/1.1\r\nhost: x\r\ncontent-length: abc\r\n\r\n",
        b"POST /api/v1/batches HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_is_refused(served, content):
    answer = raw(served, content)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 401", b"HTTP/1.1 431")) or answer == b""
    assert served.client.get("/healthz").status_code == 200


def test_a_key_once(served):
    """An idempotent request is answered once, and again with the same answer."""
    keyed = {"idempotency-key": "one"}
    first = served.client.post("/api/v1/executions", json={"task": "t", "payload": 1}, headers=keyed)
    again = served.client.post("/api/v1/executions", json={"task": "t", "payload": 1}, headers=keyed)
    assert (first.status_code, again.content) == (202, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    other = served.client.post("/api/v1/executions", json={"task": "t", "payload": 2}, headers=keyed)
    assert "body" in refused(other, 409, "key_conflict")["message"]
    wrong = {"idempotency-key": "two"}
    refused(
        served.client.post("/api/v1/executions", json={"task": "none", "payload": 1}, headers=wrong), 404, "not_found"
    )
    assert served.client.post("/api/v1/executions", json={"task": "t", "payload": 1}, headers=wrong).status_code == 202
    refused(served.client.post("/api/v1/keys", json={}, headers=keyed), 400, "option_error", field="Idempotency-Key")


def test_health(served):
    with httpx.Client(base_url=served.url) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").json() == {"status": "ready"}
        assert (client.head("/healthz").status_code, client.head("/healthz").content) == (200, b"")
        assert client.head("/api/v1/batches").status_code == 405
