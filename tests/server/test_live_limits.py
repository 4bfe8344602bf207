"""Limits of a project, changed while things run, and nobody else's."""

from __future__ import annotations

import pytest

from tests.server.test_batches_in import refused

NONE = {"queue": None, "task": None, "max_concurrency": None, "paused": False, "running": 0}


def limits(client):
    answer = client.get("/api/v1/limits")
    assert answer.status_code == 200
    return answer.json()["data"]


def test_limits_are_changed_and_listed(served_on_either):
    client = served_on_either.client
    assert limits(client) == [NONE]
    changed = client.patch("/api/v1/limits", json={"queue": "default", "max_concurrency": 3}).json()
    assert changed["limit"] == {**NONE, "queue": "default", "max_concurrency": 3}
    assert (changed["action"]["kind"], changed["action"]["scope"]) == ("limits", "queue default")
    paused = client.patch("/api/v1/limits", json={"task": "t", "paused": True}).json()["limit"]
    assert paused == {**NONE, "task": "t", "paused": True}
    whole = client.patch("/api/v1/limits", json={"max_concurrency": 9}).json()["limit"]
    assert limits(client) == [whole, changed["limit"], paused]
    client.patch("/api/v1/limits", json={"queue": "default", "max_concurrency": None})
    assert [one["queue"] for one in limits(client)] == [None, None]


def test_a_paused_task_runs_nothing_until_it_goes_on(served):
    client = served.client
    client.patch("/api/v1/limits", json={"task": "t", "paused": True})
    with served.working(t=lambda item: item):
        made = client.post("/api/v1/executions?wait=0.05", json={"task": "t", "payload": 1})
        assert (made.status_code, made.json()["state"]) == (202, "queued")
        client.patch("/api/v1/limits", json={"task": "t", "paused": False})
        last = client.get(f"/api/v1/executions/{made.json()['id']}/follow").text
        assert '"succeeded"' in last


def test_another_projects_limits_are_neither_seen_nor_changed(served):
    served.client.patch("/api/v1/limits", json={"task": "t", "max_concurrency": 3})
    with served.as_key("read", "operate", project="theirs") as theirs:
        assert limits(theirs) == [NONE]
        theirs.patch("/api/v1/limits", json={"task": "t", "max_concurrency": 1, "paused": True})
        theirs.patch("/api/v1/limits", json={"paused": True})
    assert limits(served.client) == [NONE, {**NONE, "task": "t", "max_concurrency": 3}]


@pytest.mark.parametrize(
    "body", [{}, {"weight": 9}, {"max_concurrency": 0}, {"task": "", "paused": True}, {"task": "a\0", "paused": True}]
)
def test_limits_that_cannot_be_change_nothing(served, body):
    answer = served.client.patch("/api/v1/limits", json=body)
    assert answer.status_code == 400
    assert limits(served.client) == [NONE]
    assert served.client.get("/api/v1/actions").json()["data"] == []


def test_a_key_that_may_only_look_changes_nothing(served):
    with served.as_key("read") as reader:
        assert limits(reader) == [NONE]
        refused(reader.patch("/api/v1/limits", json={"paused": True}), 403, "forbidden")
