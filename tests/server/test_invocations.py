"""Invocations over HTTP, as any program may ask for them."""

from __future__ import annotations

import uuid

import pytest

from stook.engine.invoking import Invokes
from tests.server.test_batches_in import refused

PATH, EXECUTIONS = "/api/v1/invocations", "/api/v1/executions"


def there(client):
    return client.get(EXECUTIONS).json()["data"]


def test_receipts_and_what_came_of_it(served_on_either):
    client = served_on_either.client
    answer = client.post(
        PATH, json={"task": "t", "items": [{"payload": 1, "tags": ["a"]}, {"payload": 2}], "name": "n"}
    )
    assert answer.status_code == 201
    body = answer.json()
    assert [one["created"] for one in body["data"]] == [True, True]
    first = client.get(f"{EXECUTIONS}/{body['data'][0]['id']}/status").json()
    assert (first["state"], first["tags"], first["batch_id"]) == ("queued", ["a"], body["batches"]["t"])
    page = client.get(EXECUTIONS, params={"limit": 1}).json()
    rest = client.get(EXECUTIONS, params={"after": page["next"]}).json()
    assert [one["id"] for one in page["data"] + rest["data"]] == [one["id"] for one in body["data"]]
    assert rest["next"] is None
    assert client.post(PATH, json={"items": []}).json() == {"data": [], "batches": {}}


@pytest.mark.parametrize("single", [False, True])
def test_the_same_key_invokes_once(served_on_either, single):
    client = served_on_either.client
    body = {"task": "t", "items": [{"payload": 1, "throttle": {"seconds": 60}}], "single": single}
    one, two = (client.post(PATH, json=body, headers={"idempotency-key": "k"}) for _ in range(2))
    assert (one.json(), two.headers["idempotency-replayed"]) == (two.json(), "true")
    refused(client.post(PATH, json=body | {"task": "u"}, headers={"idempotency-key": "k"}), 409, "key_conflict")
    assert len(there(client)) == 1


@pytest.mark.parametrize("verb", ["one", "many", "part"])
def test_what_was_done_and_not_answered_is_not_done_again(served_on_either, monkeypatch, verb):
    served = served_on_either
    client = served.client
    real = getattr(Invokes, verb)

    async def unanswered(self, *args, **options):
        await real(self, *args, **options)
        raise RuntimeError("the server was killed here")

    body = {"task": "t", "items": [{"payload": 1}], "single": verb == "one"}
    if verb == "part":
        body["series"] = {}
    headers = {"idempotency-key": "k"}
    with monkeypatch.context() as broken:
        broken.setattr(Invokes, verb, unanswered)
        assert client.post(PATH, json=body, headers=headers).status_code == 500
    answer = client.post(PATH, json=body, headers=headers).json()
    (only,) = there(client)
    batches = {} if verb == "one" else {"t": only["batch_id"]}
    assert (answer["data"], answer["batches"]) == ([{"id": only["id"], "created": True}], batches)


def test_a_body_with_a_key_may_be_large(served):
    items = [{"payload": "x" * 300_000} for _ in range(5)]
    answer = served.client.post(PATH, json={"task": "t", "items": items}, headers={"idempotency-key": "k"})
    assert answer.status_code == 201
    answer = served.client.post(
        EXECUTIONS, json={"task": "t", "payload": "x" * 2**21}, headers={"idempotency-key": "l"}
    )
    assert answer.status_code == 202


def test_a_series_is_one_batch(served_on_either):
    client = served_on_either.client
    first = client.post(PATH, json={"task": "t", "items": [{"payload": 1}], "series": {}}).json()
    second = client.post(PATH, json={"task": "t", "items": [{"payload": 2}], "series": first["batches"]}).json()
    last = client.post(PATH, json={"items": [], "series": second["batches"], "last": True})
    assert first["batches"] == second["batches"] == last.json()["batches"]
    batch = client.get(f"/api/v1/batches/{first['batches']['t']}").json()
    assert (batch["total"], batch["state"]) == (2, "queued")
    again = {"task": "t", "items": [{"payload": 3}], "series": first["batches"]}
    refused(client.post(PATH, json=again), 409, "conflict")
    refused(
        client.post(PATH, json=again | {"series": {"u": first["batches"]["t"]}}), 400, "option_error", field="series"
    )
    with served_on_either.as_key("submit", project="other") as theirs:
        refused(theirs.post(PATH, json=again), 404, "not_found")


BAD = [
    ({"items": [{"payload": 1}]}, 400, "option_error", 0, None),
    ({"task": "t"}, 400, "option_error", None, "items"),
    ({"task": "t", "items": 7}, 400, "option_error", None, "items"),
    ({"task": "t", "items": [{"payload": 1}, 7]}, 400, "option_error", 1, "items[1]"),
    ({"task": "t", "items": [{"payload": 1, "colour": 1}]}, 400, "unknown_field", 0, "items[0].colour"),
    ({"task": "t", "items": [{"payload": 1, "priority": 2**31}]}, 400, "option_error", 0, "items[0].priority"),
    (
        {"task": "t", "items": [{"payload": 1, "run_at": "2026-01-01T00:00:00"}]},
        400,
        "option_error",
        0,
        "items[0].run_at",
    ),
    ({"task": "t", "items": [{"payload": 1, "delay": -1}]}, 400, "option_error", 0, None),
    ({"task": "t", "items": [{"payload": 1, "delay": 1e300}]}, 400, "option_error", 0, None),
    ({"task": "t", "items": [{"payload": 1, "timeout": 0}]}, 400, "option_error", 0, None),
    ({"task": "t", "items": [{"payload": 1, "throttle": 0}]}, 400, "option_error", 0, None),
    ({"task": "t", "items": [{"payload": 1, "throttle": {"seconds": 1, "key": "\0"}}]}, 400, "option_error", 0, None),
    ({"task": "t", "items": [{"payload": 1, "throttle": 1, "debounce": 1}]}, 400, "option_error", 0, None),
    ({"task": "t", "items": [{"payload": 1, "dedupe_key": ""}]}, 400, "option_error", 0, None),
    ({"task": "t", "items": [{"payload": 1, "dedupe_key": "x" * 513}]}, 400, "option_error", 0, None),
    ({"task": "t", "items": [{"payload": 1, "dedupe": "perhaps"}]}, 400, "option_error", 0, "items[0].dedupe"),
    ({"task": "t", "items": [{"payload": 1, "tags": ["a\0"]}]}, 400, "option_error", 0, None),
    ({"task": "t", "items": [{"payload": "x" * (4 * 2**20)}]}, 413, "payload_too_large", 0, None),
    ({"task": "t", "items": [{"payload": 1}], "name": "a\0"}, 400, "option_error", None, "name"),
    ({"task": "t", "items": [{"payload": 1}] * 2, "single": True}, 400, "option_error", None, "single"),
    ({"task": "t", "items": [{"payload": 1}], "last": True}, 400, "option_error", None, "last"),
    ({"task": "t", "items": [{"payload": 1}], "series": {"t": "x"}}, 404, "not_found", None, None),
    ({"task": "\0", "items": [{"payload": 1}]}, 404, "unknown_task", 0, None),
    ({"task": "t", "items": [{"payload": 1, "queue": "q\0"}]}, 404, "unknown_queue", 0, None),
    ({"task": "t", "items": [{}] * 50_001}, 413, "body_too_large", None, "items"),
]


@pytest.mark.parametrize(("body", "status", "code", "index", "field"), BAD, ids=range(len(BAD)))
def test_what_cannot_be_is_refused_with_its_place(served_on_either, body, status, code, index, field):
    client = served_on_either.client
    refused(client.post(PATH, json=body), status, code, index=index, field=field)
    assert there(client) == []


@pytest.mark.parametrize("payload", [b"NaN", b"[" * 100_000, b'"\xff"', b"{"], ids=range(4))
def test_payloads_that_are_none(served, payload):
    content = b'{"task": "t", "items": [{"payload": %s}]}' % payload
    answer = served.client.post(PATH, content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, "Traceback" in answer.text) == (400, False)
    assert there(served.client) == []


def test_every_bad_item_is_named(served):
    items = [{"payload": 1}, {"payload": 1, "delay": -1}, {"payload": 1, "task": "nobody"}]
    error = refused(served.client.post(PATH, json={"task": "t", "items": items}), 400, "option_error", index=1)
    assert [(one["index"], one["code"]) for one in error["errors"]] == [(1, "option_error"), (2, "unknown_task")]
    assert there(served.client) == []


ACTS = [
    ({}, 400, "option_error"),
    ({"ids": ["x"]}, 404, "not_found"),
    ({"ids": [str(uuid.UUID(int=7))]}, 404, "not_found"),
    ({"ids": [], "task": "t"}, 400, "option_error"),
    ({"state": ["lost"]}, 400, "option_error"),
    ({"colour": 1}, 400, "unknown_field"),
    ({"dedupe_key": ""}, 400, "option_error"),
    ({"task": "t", "dedupe_key": "a\0"}, 400, "option_error"),
    ({"batch_id": "x"}, 404, "not_found"),
]


@pytest.mark.parametrize("act", ["cancel", "retry"])
@pytest.mark.parametrize(("body", "status", "code"), ACTS, ids=range(len(ACTS)))
def test_acts_that_cannot_be(served, act, body, status, code):
    refused(served.client.post(f"{EXECUTIONS}/{act}", json=body), status, code)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": 0}, 400),
        ({"limit": 1001}, 400),
        ({"state": "lost"}, 400),
        ({"after": "x"}, 400),
        ({"colour": 1}, 400),
        ({"task": "\0"}, 200),
        ({"tag": "\0"}, 200),
        ({"queue": "\0"}, 200),
    ],
    ids=range(8),
)
def test_searches_that_cannot_be(served_on_either, query, status):
    served_on_either.client.post(PATH, json={"task": "t", "items": [{"payload": 1}]})
    answer = served_on_either.client.get(EXECUTIONS, params=query)
    assert (answer.status_code, "Traceback" in answer.text) == (status, False), answer.text


def test_each_scope_may_do_its_own(served):
    with served.as_key("submit") as submits, served.as_key("read") as reads:
        made = submits.post(PATH, json={"task": "t", "items": [{"payload": 1}]}).json()["data"][0]["id"]
        assert submits.get(f"{EXECUTIONS}/{made}/status").status_code == 403
        assert reads.get(f"{EXECUTIONS}/{made}/status").status_code == 200
        assert reads.post(PATH, json={"task": "t", "items": []}).status_code == 403
        assert submits.post(f"{EXECUTIONS}/cancel", json={"ids": [made]}).status_code == 403
