"""The log of what was sent to webhook endpoints, over HTTP."""

from __future__ import annotations

import pytest

from tests.server.serving import serving
from tests.server.test_batches_in import refused
from tests.server.test_webhooks import DELIVERIES, KEY, made


@pytest.fixture
def served_with_key(either, monkeypatch):
    monkeypatch.setenv("STOOK_ENCRYPTION_KEY", KEY)
    with serving(either) as served:
        served.know("t", max_attempts=1)
        yield served


def test_deliveries_are_found_by_what_they_are_about(served_with_key):
    served, client = served_with_key, served_with_key.client
    events = ["batch.finished", "execution.succeeded", "execution.failed"]
    first, second = made(served, events=events)["id"], made(served)["id"]

    def handler(item: int) -> int:
        if item == 2:
            raise ValueError("two")
        return item

    with served.working(t=handler):
        batches = []
        for items in ([1, 2], [3]):
            batches.append(client.post("/api/v1/batches", json={"task": "t", "items": items}).json()["id"])
            answer = client.get(f"/api/v1/batches/{batches[-1]}/follow?settled=false")
            assert "event: end" in answer.text

    def found(**query):
        answer = client.get(DELIVERIES, params=query)
        assert answer.status_code == 200, answer.text
        return sorted((one["event"], one["index"], one["endpoint_id"]) for one in answer.json()["data"])

    failed = [("execution.failed", 1, first)]
    ends = sorted([("batch.finished", None, first), ("batch.finished", None, second)], key=str)
    of_first_batch = [*ends, *failed, ("execution.succeeded", 0, first)]
    assert sorted(found(batch=batches[0]), key=str) == sorted(of_first_batch, key=str)
    listed = client.get(DELIVERIES, params={"event": "execution.failed"}).json()["data"]
    assert found(event="execution.failed") == failed
    assert found(event=listed[0]["event_id"]) == failed
    assert found(execution=listed[0]["execution_id"]) == failed
    assert listed[0]["batch_id"] == batches[0]
    assert len(found(endpoint=second)) == 2
    assert found(state="delivered") == []
    assert found(state="pending", endpoint=second, batch=batches[1]) == [("batch.finished", None, second)]
    assert found(since="2100-01-01T00:00:00Z") == []
    assert len(found(since=listed[0]["created_at"], event="execution.failed")) == 1
    refused(client.get(DELIVERIES, params={"batch": batches[0], "execution": batches[0]}), 400, "option_error")
    refused(client.get(DELIVERIES, params={"state": "lost"}), 400, "option_error", field="state")
    refused(client.get(DELIVERIES, params={"batch": "monday"}), 404, "not_found")
    shown = client.get(f"{DELIVERIES}/{listed[0]['id']}").json()
    assert shown["body"]["data"]["execution"]["error"]["message"] == "two"
    assert shown["history"] == []
