"""Projects: shares and limits, administered from the project default."""

from __future__ import annotations

import pytest

from tests.server.test_batches_in import NDJSON, lines, refused


def test_a_project_from_nothing_to_its_first_batch(served_on_either):
    served = served_on_either
    made = served.client.post("/api/v1/projects", json={"name": "team a", "max_queued_items": 5})
    assert (made.status_code, made.json()["weight"], made.json()["max_queued_items"]) == (201, 1.0, 5)
    refused(served.client.post("/api/v1/projects", json={"name": "team a"}), 409, "conflict")
    refused(served.client.post("/api/v1/projects/none/keys", json={"name": "k", "scopes": ["read"]}), 404, "not_found")
    key = served.client.post("/api/v1/projects/team a/keys", json={"name": "k", "scopes": ["admin"]})
    assert (key.status_code, key.json()["project"]) == (201, "team a")
    with served.as_secret(key.json()["secret"]) as client:
        assert client.post("/api/v1/batches", json={"task": "t", "items": [1, 2, 3]}).status_code == 201
        over = client.post("/api/v1/batches", json={"task": "t", "items": [1, 2, 3]})
        refused(over, 429, "quota_exceeded")
        assert int(over.headers["retry-after"]) >= 1
        assert over.json()["error"]["quota"] == {
            "name": "max_queued_items",
            "limit": 5.0,
            "used": 3.0,
            "room": 2,
            "retry_after": None,
        }
        streamed = client.post("/api/v1/batches?task=t", content=lines(*range(40_000)), headers=NDJSON)
        refused(streamed, 429, "quota_exceeded")
        assert [one["project"] for one in client.get("/api/v1/batches").json()["data"]] == ["team a"]
        assert client.get("/api/v1/project").json()["queued_items"] == 3
        freed = client.patch("/api/v1/project", json={"max_queued_items": None, "weight": 2.5}).json()
        assert (freed["max_queued_items"], freed["weight"]) == (None, 2.5)
        assert client.post("/api/v1/batches", json={"task": "t", "items": [1, 2, 3]}).status_code == 201
        refused(client.get("/api/v1/projects"), 403, "forbidden")
        refused(client.patch("/api/v1/projects/default", json={"weight": 9}), 403, "forbidden")
    names = [one["name"] for one in served.client.get("/api/v1/projects").json()["data"]]
    assert set(names) >= {"default", "team a"}
    assert served.client.patch("/api/v1/projects/team a", json={"max_rate": 10}).json()["max_rate"] == 10


@pytest.mark.parametrize("body", [{}, {"weight": 0}, {"weight": None}, {"max_concurrency": 0}, {"max_rate": -1}])
def test_limits_that_cannot_be(served, body):
    refused(served.client.patch("/api/v1/project", json=body), 400, "option_error")
