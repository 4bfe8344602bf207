"""Limits of a project, changed while things run, and nobody else's."""

from __future__ import annotations

import pytest

from stook import ConcurrencyLimit, Window
from tests.server.test_batches_in import refused

NO_TERMS = {"concurrency": [], "rate_limit": [], "window": None}
NONE = {"queue": None, "task": None, "max_concurrency": None, "paused": False, "running": 0}
NONE |= {**NO_TERMS, "declared": None}
TASK = {**NONE, "task": "t", "declared": {"max_concurrency": None, **NO_TERMS}}


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
    assert paused == {**TASK, "paused": True}
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
    assert limits(served.client) == [NONE, {**TASK, "max_concurrency": 3}]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"weight": 9},
        {"max_concurrency": 0},
        {"task": "", "paused": True},
        {"task": "a\0", "paused": True},
        {"concurrency": [{"n": 1, "key": "k"}]},
        {"queue": "default", "window": None},
    ],
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


KEYED = {"n": 1, "key": "tenant", "unit": "execution"}
RATE = {"n": 2.0, "per": 3600.0, "key": None, "burst": None, "units": None}
HOURS = {"start": "22:00", "end": "06:00", "tz": "Europe/Berlin", "days": [0, 1]}


def test_keyed_limits_rates_and_hours_are_changed_one_by_one(served_on_either):
    def changed(**body):
        return served_on_either.client.patch("/api/v1/limits", json={"task": "t", **body}).json()["limit"]

    assert changed(concurrency=[{"n": 1, "key": "payload.tenant"}]) == {**TASK, "concurrency": [KEYED]}
    assert changed(rate_limit=[{"n": 2, "per": 3600}]) == {**TASK, "concurrency": [KEYED], "rate_limit": [RATE]}
    whole = changed(window=HOURS, max_concurrency=7, paused=True)
    terms = {"concurrency": [KEYED], "rate_limit": [RATE], "window": HOURS}
    assert whole == {**TASK, **terms, "max_concurrency": 7, "paused": True}
    assert limits(served_on_either.client) == [NONE, whole]
    without = changed(concurrency=None, rate_limit=[], window=None)
    assert without == {**TASK, "max_concurrency": 7, "paused": True}


def test_what_was_changed_and_what_the_definition_says_are_both_there(served_on_either):
    client = served_on_either.client
    served_on_either.know("t", limits=(ConcurrencyLimit(5, key="tenant"),), window=Window("08:00", "09:00"))
    said = {
        "concurrency": [{**KEYED, "n": 5}],
        "rate_limit": [],
        "window": {"start": "08:00", "end": "09:00", "tz": "UTC", "days": None},
    }
    assert limits(client) == [NONE, {**TASK, **said, "declared": {"max_concurrency": None, **said}}]
    client.patch("/api/v1/limits", json={"task": "t", "concurrency": [{"n": 2, "key": "tenant"}], "window": None})
    changed = {"concurrency": [{**KEYED, "n": 2}], "window": None}
    assert limits(client) == [NONE, {**TASK, **changed, "declared": {"max_concurrency": None, **said}}]


def test_a_rate_holds_from_the_next_claim_on(served_on_either):
    client = served_on_either.client
    client.patch("/api/v1/limits", json={"task": "t", "rate_limit": [{"n": 1, "per": 3600}]})
    with served_on_either.working(t=lambda item: item):
        first, second = (
            client.post("/api/v1/executions", json={"task": "t", "payload": {"tenant": "a"}}).json() for _ in "ab"
        )
        last = client.get(f"/api/v1/executions/{first['id']}/follow").text
        assert '"succeeded"' in last
        why = client.get(f"/api/v1/batches/{second['batch_id']}/why").json()["reasons"]
        assert any("rate limit" in one for one in why), why


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"concurrency": [{"n": 0, "key": "k"}]}, "concurrency[0].n"),
        ({"concurrency": [{"n": 1, "key": "k"}, {"n": 1}]}, "concurrency[1]"),
        ({"concurrency": [{"n": 1, "key": "(app.tenant)"}]}, "concurrency[0]"),
        ({"concurrency": [{"n": 1, "key": "k", "unit": "batch"}]}, "concurrency[0].unit"),
        ({"concurrency": [{"n": 1, "key": "k", "most": 3}]}, "concurrency[0].most"),
        ({"concurrency": {"n": 1}}, "concurrency"),
        ({"rate_limit": [{"n": 1, "per": 0}]}, "rate_limit[0]"),
        ({"rate_limit": [{"n": 1}]}, "rate_limit[0].per"),
        ({"window": {"start": "25:00", "end": "06:00"}}, "window"),
        ({"window": {"start": "06:00", "end": "06:00"}}, "window"),
        ({"window": {"start": "06:00", "end": "07:00", "tz": "Mars"}}, "window"),
        ({"window": {"start": "06:00", "end": "07:00", "days": [7]}}, "window"),
        ({"window": ["06:00", "07:00"]}, "window"),
    ],
    ids=str,
)
def test_terms_that_cannot_be_name_their_field_and_change_nothing(served, given, field):
    answer = served.client.patch("/api/v1/limits", json={"task": "t", "max_concurrency": 3, **given})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field), answer.text
    assert limits(served.client) == [NONE]
