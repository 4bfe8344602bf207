"""Executions skipped and edited, and retried with other inputs, over HTTP."""

from __future__ import annotations

import threading

import pytest

from tests.server.test_batches_in import refused

SCHEMA = b'{"type":"object","properties":{"n":{"type":"integer","maximum":9}},"required":["n"]}'


def submit(client, items, **options):
    made = client.post("/api/v1/batches", json={"task": "t", "items": items, **options})
    assert made.status_code == 201, made.text
    return made.json()["id"]


def item(client, batch, index):
    return client.get(f"/api/v1/batches/{batch}/executions/{index}").json()


def failing(value):
    if isinstance(value, dict) and not value.get("good"):
        raise ValueError("bad")
    return value


def failed(served, items, **options):
    """A batch that has run."""
    batch = submit(served.client, items, **options)
    ended(served, batch)
    return batch


def ended(served, batch):
    with served.working(t=failing):
        served.client.get(f"/api/v1/batches/{batch}/follow?settled=false")


def test_one_that_waits_is_edited_and_another_skipped(served_on_either):
    client = served_on_either.client
    batch = submit(client, [{"n": 0}, {"n": 1}, {"n": 2}])
    one, two = item(client, batch, 1), item(client, batch, 2)
    edited = client.patch(f"/api/v1/executions/{one['id']}", content=b'{"input": {"good":  1.50}}')
    assert (edited.status_code, edited.json()["state"], edited.json()["original_input"]) == (200, "queued", {"n": 1})
    assert b'"input":{"good":  1.50}' in edited.content, "byte for byte"
    skipped = client.post(f"/api/v1/executions/{two['id']}/skip", json={"reason": "not needed"}).json()
    assert (skipped["state"], skipped["original_input"]) == ("cancelled", None)
    (change,) = skipped["changes"]
    assert (change["kind"], change["reason"], change["input"]) == ("skip", "not needed", None)
    assert len(change["actor"]) > 0
    ended(served_on_either, batch)
    assert item(client, batch, 1)["result"] == {"good": 1.5}
    kinds = [(one["kind"], one["scope"]) for one in client.get("/api/v1/actions").json()["data"]]
    assert kinds == [("skip", f"execution {two['id']}"), ("edit", f"execution {one['id']}")]


def test_a_failed_one_is_edited_and_runs_again(served_on_either):
    client = served_on_either.client
    batch = failed(served_on_either, [{"n": 0}, {"n": 1}])
    one = item(client, batch, 0)
    kept = client.patch(f"/api/v1/executions/{one['id']}", json={"input": {"good": 0}, "retry": False}).json()
    assert (kept["state"], len(kept["changes"])) == ("failed", 1)
    again = client.patch(f"/api/v1/executions/{one['id']}", json={"input": {"good": 1}}).json()
    assert (again["state"], again["round"], len(again["changes"])) == ("queued", 2, 2)
    ended(served_on_either, batch)
    shown = item(client, batch, 0)
    assert (shown["state"], shown["result"], shown["original_input"]) == ("succeeded", {"good": 1}, {"n": 0})
    assert [one["error"] and one["error"]["message"] for one in shown["history"]] == ["bad", None]


def test_what_runs_or_has_succeeded_is_refused_with_its_state(served):
    begun, go_on = threading.Event(), threading.Event()

    def handler(value):
        begun.set()
        assert go_on.wait(30)
        return value

    client = served.client
    with served.working(t=handler):
        one = client.post("/api/v1/executions", json={"task": "t", "payload": 1}).json()["id"]
        assert begun.wait(30)
        try:
            for ask in (skip, edit):
                problem = refused(ask(client, one), 409, "conflict")
                assert problem["state"] == "running"
        finally:
            go_on.set()
        client.get(f"/api/v1/executions/{one}/follow")
    for ask in (skip, edit):
        assert refused(ask(client, one), 409, "conflict")["state"] == "succeeded"
    assert client.get("/api/v1/actions").json()["data"] == [], "what was refused is no action"


def skip(client, execution):
    return client.post(f"/api/v1/executions/{execution}/skip")


def edit(client, execution):
    return client.patch(f"/api/v1/executions/{execution}", json={"input": 2})


def test_a_repeated_edit_is_answered_as_the_first(served):
    batch = failed(served, [{"n": 0}])
    one = item(served.client, batch, 0)["id"]
    send = {"json": {"input": 5}, "headers": {"idempotency-key": "e"}}
    first = served.client.patch(f"/api/v1/executions/{one}", **send)
    ended(served, batch)
    assert served.client.patch(f"/api/v1/executions/{one}", **send).json() == first.json()
    assert len(item(served.client, batch, 0)["changes"]) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", "option_error"),
        (b'{"input": {"n": 10}}', "payload_error"),
        (b'{"input": {"m": 1}}', "payload_error"),
        (b'{"input": 1, "x": 2}', "unknown_field"),
        (b'{"input": ' + b"[" * 600 + b"]" * 600 + b"}", "payload_error"),
        (b'{"input": 1, "retry": "x"}', "option_error"),
    ],
    ids=["none", "schema", "missing", "unknown", "deep", "retry"],
)
def test_an_input_that_cannot_be(served, body, code):
    know_schema(served)
    batch = submit(served.client, [{"n": 1}])
    one = item(served.client, batch, 0)["id"]
    answer = served.client.patch(f"/api/v1/executions/{one}", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code), answer.text
    assert item(served.client, batch, 0)["changes"] == []


def know_schema(served):
    from stook.core.policy import TaskPolicy
    from stook.engine.catalogue import Catalogue, TaskEntry

    entry = TaskEntry("t", "default", TaskPolicy(max_attempts=1), SCHEMA)
    served.call(Catalogue(served.session.store).see([entry]))


def test_an_input_above_the_limit_is_413(served):
    batch = submit(served.client, [1])
    one = item(served.client, batch, 0)["id"]
    body = b'{"input": "' + b"x" * (5 * 2**20) + b'"}'
    refused(served.client.patch(f"/api/v1/executions/{one}", content=body), 413, "payload_too_large")
    large = served.client.patch(f"/api/v1/executions/{one}", json={"input": "x" * 100_000})
    assert large.json()["input"] == "x" * 100_000, "beyond what a row holds"
    ended(served, batch)
    assert item(served.client, batch, 0)["result"] == "x" * 100_000


def test_a_strangers_execution_is_not_there(served):
    batch = submit(served.client, [1])
    one = item(served.client, batch, 0)["id"]
    with served.as_key("operate", project="theirs") as theirs, served.as_key("read") as reader:
        for ask in (skip, edit):
            refused(ask(theirs, one), 404, "not_found")
            refused(ask(reader, one), 403, "forbidden")


# ---------------------------------------- bulk retries


def test_a_retry_with_overrides_and_one_with_a_merge(served_on_either):
    client = served_on_either.client
    batch = failed(served_on_either, [{"n": 0}, {"n": 1, "keep": 1e0}, {"n": 2}, {"good": 1}])
    answer = client.post(f"/api/v1/batches/{batch}/retry", json={"overrides": {"0": {"good": 2}}, "to": 1})
    assert (answer.status_code, answer.json()["affected"]) == (200, 1), answer.text
    assert answer.json()["action"]["scope"] == "failed from 0 to 1"
    ended(served_on_either, batch)
    assert item(client, batch, 0)["result"] == {"good": 2}
    merged = client.post(f"/api/v1/batches/{batch}/retry", json={"merge": {"good": True, "n": None}})
    assert merged.json()["affected"] == 2
    ended(served_on_either, batch)
    assert b'"input":{"keep":1.0,"good":true}' in client.get(f"/api/v1/batches/{batch}/executions/1").content
    shown = client.get(f"/api/v1/batches/{batch}").json()
    assert (shown["state"], shown["counters"]["succeeded"]) == ("succeeded", 4)


@pytest.mark.parametrize(
    ("body", "code", "index"),
    [
        ({"overrides": {"x": 1}}, "option_error", None),
        ({"overrides": {"01": 1}}, "option_error", None),
        ({"overrides": {"3": 1}}, "option_error", 3),
        ({"overrides": {"99": 1}}, "option_error", 99),
        ({"overrides": {"0": 1}, "merge": {}}, "option_error", None),
        ({"merge": 5}, "option_error", None),
        ({"merge": {"a": 1}, "tag": "x", "states": ["succeeded"]}, "option_error", None),
        ({"merge": {"a": 1}}, "option_error", 2),
    ],
    ids=str,
)
def test_a_retry_that_cannot_be_changes_nothing(served, body, code, index):
    batch = failed(served, [{"n": 0}, {"n": 1}, {"n": 2}, {"good": 3}])
    if index == 2:
        one = item(served.client, batch, 2)["id"]
        served.client.patch(f"/api/v1/executions/{one}", json={"input": [1], "retry": False})
    answer = served.client.post(f"/api/v1/batches/{batch}/retry", json=body)
    problem = refused(answer, 400, code)
    assert problem["index"] == index
    assert served.client.get(f"/api/v1/batches/{batch}").json()["state"] == "partially_failed"


def test_overrides_are_held_against_the_schema(served):
    batch = failed(served, [{"n": 0}, {"n": 1}])
    know_schema(served)
    answer = served.client.post(f"/api/v1/batches/{batch}/retry", json={"overrides": {"0": {"n": 1}, "1": {"n": 10}}})
    assert refused(answer, 400, "payload_error")["index"] == 1
    merged = served.client.post(f"/api/v1/batches/{batch}/retry", json={"merge": {"n": 10}})
    assert refused(merged, 400, "payload_error")["index"] == 0


def test_a_probing_retry_merges_into_the_rest_as_well(served):
    batch = failed(served, [{"n": n} for n in range(20)])
    answer = served.client.post(f"/api/v1/batches/{batch}/retry", json={"merge": {"good": 1}, "probe": 5}).json()
    assert (answer["affected"], answer["action"]["state"]) == (5, "running")
    ended(served, batch)
    assert served.client.get(f"/api/v1/batches/{batch}").json()["counters"]["succeeded"] == 20
    action = served.client.get(f"/api/v1/actions/{answer['action']['id']}").json()
    assert (action["state"], action["affected"]) == ("finished", 20)
