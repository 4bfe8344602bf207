"""Events and schedules over HTTP."""

from __future__ import annotations

import uuid

import pytest

from tests.server.test_batches_in import refused

EVENTS, SCHEDULES = "/api/v1/events", "/api/v1/schedules"


def listed(client, **query):
    return client.get(SCHEDULES, params=query).json()["data"]


def test_an_event_is_emitted_once_per_id(served_on_either):
    client = served_on_either.client
    made = client.post(EVENTS, json={"name": "paid", "payload": {"id": 7}})
    assert made.status_code == 201
    given = str(uuid.uuid4())
    for _ in range(2):
        assert client.post(EVENTS, json={"name": "paid", "id": given}).json() == {"id": given}
    assert made.json()["id"] != given


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"name": ""}, 400),
        ({"name": "a\0"}, 400),
        ({"name": "a" * 600}, 400),
        ({"name": 7}, 400),
        ({"name": "a", "id": "seven"}, 400),
        ({"name": "a", "more": 1}, 400),
        ({"name": "a", "payload": "x" * (4 * 2**20)}, 413),
    ],
    ids=range(8),
)
def test_events_that_cannot_be(served, body, status):
    answer = served.client.post(EVENTS, json=body)
    assert (answer.status_code, "Traceback" in answer.text) == (status, False)


def test_schedules_are_put_listed_paused_and_deleted(served_on_either):
    client = served_on_either.client
    body = {"task": "t", "name": "a/b ?", "cron": "*/5 * * * *", "payload": {"n": 1}, "tz": "Europe/Berlin"}
    refused(client.put(SCHEDULES, json=body | {"task": "nobody"}), 404, "unknown_task")
    with served_on_either.working(t=lambda item: item):
        made = client.put(SCHEDULES, json=body).json()
    assert made["schedule"].items() >= {**body, "static": False, "paused": False, "missed": "one"}.items()
    assert (made["action"]["kind"], made["action"]["scope"]) == ("schedule", "schedule a/b ? of t")
    assert listed(client) == listed(client, task="t") == [made["schedule"]]
    assert listed(client, task="u") == []
    name = {"task": "t", "name": "a/b ?"}
    paused = client.post(f"{SCHEDULES}/pause", json=name).json()["schedule"]
    assert (paused["paused"], paused["next_at"]) == (True, None)
    resumed = client.post(f"{SCHEDULES}/resume", json=name).json()["schedule"]
    assert (resumed["paused"], resumed["next_at"] is None) == (False, False)
    assert client.delete(SCHEDULES, params=name).json()["removed"] is True
    assert client.delete(SCHEDULES, params=name).json()["removed"] is False
    assert client.post(f"{SCHEDULES}/pause", json=name).status_code == 404
    assert listed(client) == []


def test_another_projects_schedules_are_theirs(served):
    with served.working(t=lambda item: item):
        served.client.put(SCHEDULES, json={"task": "t", "name": "n", "cron": "0 0 1 1 *"})
        with served.as_key("read", "operate", project="theirs") as theirs:
            assert listed(theirs) == []
            assert theirs.delete(SCHEDULES, params={"task": "t", "name": "n"}).json()["removed"] is False
            assert theirs.post(f"{SCHEDULES}/pause", json={"task": "t", "name": "n"}).status_code == 404
    assert [one["name"] for one in listed(served.client)] == ["n"]


@pytest.mark.parametrize(
    "change",
    [
        {"cron": "often"},
        {"tz": "Mars"},
        {"name": "a::b"},
        {"name": ""},
        {"missed": "never"},
        {"overlap": 1},
        {"priority": 2**31},
        {"payload": "x" * (4 * 2**20)},
        {"more": 1},
    ],
    ids=range(9),
)
def test_schedules_that_cannot_be(served, change):
    with served.working(t=lambda item: item):
        answer = served.client.put(SCHEDULES, json={"task": "t", "name": "n", "cron": "* * * * *"} | change)
    assert answer.status_code in (400, 413)
    assert listed(served.client) == []
    assert served.client.get("/api/v1/actions").json()["data"] == []


def test_a_key_needs_the_scope(served):
    with served.as_key("read") as reader:
        assert reader.get(SCHEDULES).status_code == 200
        assert reader.post(EVENTS, json={"name": "a"}).status_code == 403
        assert reader.put(SCHEDULES, json={}).status_code == 403
        assert reader.delete(SCHEDULES, params={"task": "t", "name": "n"}).status_code == 403
