"""Webhook endpoints and deliveries over HTTP. What arrives and verifies is in tests/cli/test_webhooks_delivered.py."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.server.serving import serving
from tests.server.test_batches_in import NDJSON, refused

ENDPOINTS = "/api/v1/webhook-endpoints"
DELIVERIES = "/api/v1/webhook-deliveries"
URL = "https://hooks.example.com/in"
KEY = "q2zpxYJ1N3zDCzMnV2IYHhTzmrNcmZyBJIIqkDDzFBE="
CHOSEN = "my-own-secret-0123456789"


@pytest.fixture
def served_with_key(either, monkeypatch):
    monkeypatch.setenv("STOOK_ENCRYPTION_KEY", KEY)
    with serving(either) as made:
        made.know("t", max_attempts=1)
        yield made


def made(served, status=201, **body):
    answer = served.client.post(ENDPOINTS, json={"url": URL, **body})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_an_endpoint_from_its_creation_to_its_end(served_with_key):
    client = served_with_key.client
    answer = client.post(ENDPOINTS, json={"url": URL, "description": "mine"})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    endpoint = answer.json()
    assert endpoint["id"].startswith("whe_")
    assert endpoint["secret"] == endpoint["library_secret"]
    assert endpoint["secret"].startswith("whsec_")
    assert endpoint["secret"].endswith(endpoint["secret_hint"][-4:])
    first = {name: value for name, value in endpoint.items() if name not in ("secret", "library_secret")}
    assert first == first | {
        "project": "default",
        "url": URL,
        "description": "mine",
        "events": [],
        "tasks": [],
        "batches": "all",
        "auth": {"kind": "none", "name": None},
        "schemes": ["standard", "vellum"],
        "max_concurrency": 8,
        "status": "enabled",
        "reason": None,
        "breaker": {"state": "closed", "failures": 0, "since": None, "next_trial_at": None},
        "held_until": None,
        "old_secret_until": None,
    }
    path = f"{ENDPOINTS}/{endpoint['id']}"
    assert client.get(path).json() == first
    assert client.get(ENDPOINTS).json() == {"data": [first], "next": None}

    disabled = client.post(f"{path}/disable", json={"reason": "it is sick"}).json()
    assert (disabled["status"], disabled["reason"]) == ("disabled", "it is sick")
    refused(client.post(f"{path}/test"), 409, "conflict")
    assert client.post(f"{path}/enable").json()["status"] == "enabled"
    sent = client.post(f"{path}/test")
    assert sent.status_code == 202
    assert client.get(f"{DELIVERIES}/{sent.json()['delivery_id']}").json()["event"] == "webhook.test"

    assert client.delete(path).status_code == 204
    refused(client.get(path), 404, "not_found")
    assert client.get(ENDPOINTS).json()["data"] == []
    waited = client.get(f"{DELIVERIES}/{sent.json()['delivery_id']}").json()
    assert (waited["state"], waited["endpoint_id"]) == ("dead", endpoint["id"])


def test_a_change_leaves_what_it_does_not_name(served):
    endpoint = made(
        served,
        events=["batch.finished"],
        tasks=["t"],
        batches="named",
        auth={"kind": "header", "name": "X-Token", "value": "hidden-value"},
        schemes=["standard"],
        max_concurrency=3,
        description="mine",
    )
    path = f"{ENDPOINTS}/{endpoint['id']}"

    def changed(**body):
        answer = served.client.patch(path, json=body)
        assert answer.status_code == 200, answer.text
        assert "hidden-value" not in answer.text
        return answer.json()

    before = served.client.get(path).json()
    assert before["auth"] == {"kind": "header", "name": "X-Token"}
    after = changed(url="https://other.example.com/x", tasks=["t", "u"])
    assert after == before | {
        "url": "https://other.example.com/x",
        "tasks": ["t", "u"],
        "updated_at": after["updated_at"],
    }
    assert after["updated_at"] > before["updated_at"]
    assert changed(auth={"kind": "bearer", "token": "x"})["auth"] == {"kind": "bearer", "name": None}
    fields = ("events", "tasks", "batches", "auth", "schemes", "max_concurrency", "description")
    reset = changed(**dict.fromkeys(fields))
    assert [reset[name] for name in fields] == [
        [],
        [],
        "all",
        {"kind": "none", "name": None},
        ["standard", "vellum"],
        8,
        "",
    ]
    assert reset["url"] == "https://other.example.com/x"


WRONG = [
    ({"url": "ftp://hooks.example.com/"}, "option_error", "url"),
    ({"url": "hooks.example.com"}, "option_error", "url"),
    ({"url": "https://user:secret@hooks.example.com/"}, "option_error", "url"),
    ({"url": "http://127.0.0.1:9/"}, "blocked_address", "url"),
    ({"url": "http://2130706433/"}, "blocked_address", "url"),
    ({"url": "http://[::1]/"}, "blocked_address", "url"),
    ({"url": "http://169.254.169.254/latest/meta-data"}, "blocked_address", "url"),
    ({"url": None}, "option_error", "url"),
    ({"url": "https://hooks.example.com/\ud800"}, "invalid_json", "url"),
    ({"url": "https://hooks.example.com/" + 3000 * "x"}, "option_error", "url"),
    ({"events": ["batch.finish"]}, "option_error", "events"),
    ({"events": "batch.finished"}, "option_error", "events"),
    ({"tasks": [""]}, "option_error", "tasks[0]"),
    ({"tasks": ["a\0b"]}, "option_error", "tasks"),
    ({"batches": "some"}, "option_error", "batches"),
    ({"schemes": []}, "option_error", "schemes"),
    ({"schemes": ["none"]}, "option_error", "schemes"),
    ({"max_concurrency": 0}, "option_error", "max_concurrency"),
    ({"description": "x" * 1001}, "option_error", "description"),
    ({"description": "a\0b"}, "option_error", "description"),
    ({"auth": {"kind": "basic"}}, "option_error", "auth.kind"),
    ({"auth": {"kind": "bearer"}}, "option_error", "auth.token"),
    ({"auth": {"kind": "bearer", "token": "two\nlines"}}, "option_error", "auth.token"),
    ({"auth": {"kind": "header", "name": "Host", "value": "x"}}, "option_error", "auth.name"),
    ({"auth": {"kind": "header", "name": "Webhook-Id", "value": "x"}}, "option_error", "auth.name"),
    ({"auth": {"kind": "header", "name": "X-Key", "value": "é"}}, "option_error", "auth.value"),
    ({"auth": {"kind": "header", "name": "X-Key", "value": "v", "more": 1}}, "unknown_field", "auth.more"),
    ({"secrets": "x"}, "unknown_field", "secrets"),
]


@pytest.mark.parametrize(("body", "code", "field"), WRONG, ids=lambda one: json.dumps(one)[:40])
def test_what_cannot_be_names_the_field_and_changes_nothing(served, body, code, field):
    endpoint = made(served)
    path = f"{ENDPOINTS}/{endpoint['id']}"
    before = served.client.get(ENDPOINTS).json()
    content = json.dumps({"url": URL, **body})
    head = {"content-type": "application/json"}
    refused(served.client.post(ENDPOINTS, content=content, headers=head), 400, code, field=field)
    refused(served.client.patch(path, content=json.dumps(body), headers=head), 400, code, field=field)
    assert served.client.get(ENDPOINTS).json() == before


def test_secrets_that_cannot_sign(served):
    for secret in ("short", "x" * 257, "whsec_" + "QUJD" * 5, "whsec_!!!", "with space in it, long enough"):
        error = refused(served.client.post(ENDPOINTS, json={"url": URL, "secret": secret}), 400, "option_error")
        assert error["field"] == "secret"
        assert secret not in json.dumps(error)
    path = f"{ENDPOINTS}/{made(served)['id']}"
    for body, field in (({"secret": "short"}, "secret"), ({"overlap": -1}, "overlap"), ({"overlap": 1e9}, "overlap")):
        refused(served.client.post(f"{path}/rotate-secret", json=body), 400, "option_error", field=field)
    refused(served.client.patch(path, json={}), 400, "option_error")
    refused(served.client.patch(path, json={"secret": CHOSEN}), 400, "unknown_field", field="secret")
    refused(served.client.post(f"{path}/replay", json={"state": "lost"}), 400, "option_error", field="state")
    refused(
        served.client.post(f"{path}/replay", json={"since": "2026-01-01T00:00"}), 400, "option_error", field="since"
    )


def test_secrets_are_shown_once(served, where, caplog):
    """Not in a list, the audit log, a log, the database, nor the answer to the same request again."""
    caplog.set_level("DEBUG")
    client, key = served.client, {"idempotency-key": "once"}
    body = {"url": URL, "secret": CHOSEN, "auth": {"kind": "bearer", "token": "bearer-token-77"}}
    first = client.post(ENDPOINTS, json=body, headers=key)
    assert first.json()["secret"] == CHOSEN
    assert first.json()["library_secret"].startswith("whsec_")
    again = client.post(ENDPOINTS, json=body, headers=key)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json() == first.json() | {"secret": None, "library_secret": None}
    path = f"{ENDPOINTS}/{first.json()['id']}"
    rotated = client.post(f"{path}/rotate-secret", json={"overlap": 60}, headers={"idempotency-key": "turn"}).json()
    assert rotated["secret"] != CHOSEN
    assert rotated["old_secret_until"] > rotated["updated_at"]
    turned = client.post(f"{path}/rotate-secret", json={"overlap": 60}, headers={"idempotency-key": "turn"}).json()
    assert turned == rotated | {"secret": None, "library_secret": None}
    seen = "".join(client.get(one).text for one in (ENDPOINTS, path, "/api/v1/actions", "/api/v1/events"))
    hidden = [CHOSEN, first.json()["library_secret"], rotated["secret"], "bearer-token-77"]
    file = Path(where.removeprefix("sqlite:///"))
    with sqlite3.connect(file) as database:
        stored = "".join(database.iterdump())
    for secret in hidden:
        assert secret not in seen
        assert secret not in caplog.text
        assert secret not in stored
        assert secret.encode().hex() not in stored.lower()
    assert Path(f"{file}.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.postgres
def test_without_a_key_there_is_no_secret_to_be_kept(request):
    with serving(request.getfixturevalue("emptied_postgres")) as served:
        before = served.client.get(ENDPOINTS).json()
        error = refused(served.client.post(ENDPOINTS, json={"url": URL}), 409, "no_encryption_key")
        assert "STOOK_ENCRYPTION_KEY" in error["hint"]
        assert served.client.get(ENDPOINTS).json() == before


def test_every_change_is_an_action(served_with_key):
    client = served_with_key.client
    endpoint = made(served_with_key)["id"]
    path = f"{ENDPOINTS}/{endpoint}"
    client.patch(path, json={"description": "x"})
    client.post(f"{path}/rotate-secret")
    sent = client.post(f"{path}/test").json()["delivery_id"]
    client.post(f"{path}/disable")
    client.post(f"{path}/enable")
    assert client.post(f"{path}/replay", json={"state": "dead"}).json() == {"replayed": 1}
    client.post(f"{DELIVERIES}/{sent}/replay")
    client.delete(path)
    found = client.get("/api/v1/actions").json()["data"]
    assert [(one["kind"], one["scope"].split()[-1]) for one in reversed(found)] == [
        ("create webhook endpoint", endpoint),
        ("change webhook endpoint", endpoint),
        ("rotate webhook secret", endpoint),
        ("test webhook endpoint", endpoint),
        ("disable webhook endpoint", endpoint),
        ("enable webhook endpoint", endpoint),
        ("replay webhooks", endpoint),
        ("replay webhooks", sent),
        ("delete webhook endpoint", endpoint),
    ]
    assert {(one["state"], one["affected"]) for one in found} == {("finished", 1)}
    assert len({one["actor"] for one in found}) == 1


def test_what_was_refused_is_no_action(served):
    served.client.post(ENDPOINTS, json={"url": "ftp://x"})
    served.client.delete(f"{ENDPOINTS}/whe_none")
    served.client.patch(f"{ENDPOINTS}/whe_none", json={"description": "x"})
    served.client.post(f"{DELIVERIES}/dlv_none/replay")
    assert served.client.get("/api/v1/actions").json()["data"] == []


def test_another_projects_webhooks_are_not_there(served):
    endpoint = made(served)["id"]
    delivery = served.client.post(f"{ENDPOINTS}/{endpoint}/test").json()["delivery_id"]
    before = served.client.get(f"{ENDPOINTS}/{endpoint}").json()
    path = f"{ENDPOINTS}/{endpoint}"
    with served.as_key("admin", project="others") as client:
        for method, at, body in (
            ("GET", path, None),
            ("PATCH", path, {"description": "x"}),
            ("DELETE", path, None),
            ("POST", f"{path}/rotate-secret", None),
            ("POST", f"{path}/test", None),
            ("POST", f"{path}/enable", None),
            ("POST", f"{path}/disable", None),
            ("POST", f"{path}/replay", None),
            ("GET", f"{DELIVERIES}/{delivery}", None),
            ("POST", f"{DELIVERIES}/{delivery}/replay", None),
        ):
            refused(client.request(method, at, json=body), 404, "not_found")
        assert client.get(ENDPOINTS).json()["data"] == []
        assert client.get(DELIVERIES).json()["data"] == []
        assert client.get(DELIVERIES, params={"endpoint": endpoint}).json()["data"] == []
        refused(client.get(ENDPOINTS, params={"after": endpoint}), 400, "option_error", field="after")
        body = {"task": "t", "items": [1], "webhooks": [endpoint]}
        refused(client.post("/api/v1/batches", json=body), 400, "option_error")
    assert served.client.get(path).json() == before
    assert len(served.client.get(DELIVERIES).json()["data"]) == 1


def test_what_each_scope_may(served):
    endpoint = made(served)["id"]
    path = f"{ENDPOINTS}/{endpoint}"
    sent = served.client.post(f"{path}/test").json()["delivery_id"]
    with served.as_key("read") as client:
        for at in (ENDPOINTS, path, DELIVERIES, f"{DELIVERIES}/{sent}"):
            assert client.get(at).status_code == 200
        refused(client.post(f"{path}/test"), 403, "forbidden")
    with served.as_key("operate") as client:
        for at in (f"{path}/test", f"{path}/replay", f"{DELIVERIES}/{sent}/replay"):
            assert client.post(at).status_code == 202
        for method, at in (
            ("POST", ENDPOINTS),
            ("PATCH", path),
            ("DELETE", path),
            ("POST", f"{path}/rotate-secret"),
            ("POST", f"{path}/enable"),
            ("POST", f"{path}/disable"),
        ):
            assert "'admin'" in refused(client.request(method, at), 403, "forbidden")["message"]


def test_lists_come_in_pages(served):
    ids = [made(served, description=str(number))["id"] for number in range(5)]
    seen, after = [], None
    while True:
        query = {"limit": 2} | ({} if after is None else {"after": after})
        page = served.client.get(ENDPOINTS, params=query).json()
        seen += [one["id"] for one in page["data"]]
        after = page["next"]
        if after is None:
            break
    assert seen == ids
    sent = [served.client.post(f"{ENDPOINTS}/{ids[0]}/test").json()["delivery_id"] for _ in range(5)]
    seen, after = [], None
    while True:
        query = {"limit": 2, "endpoint": ids[0]} | ({} if after is None else {"after": after})
        page = served.client.get(DELIVERIES, params=query).json()
        seen += [one["id"] for one in page["data"]]
        after = page["next"]
        if after is None:
            break
    assert seen == sent[::-1]
    refused(served.client.get(ENDPOINTS, params={"after": "whe_none"}), 400, "option_error", field="after")
    refused(served.client.get(DELIVERIES, params={"limit": 0}), 400, "option_error", field="limit")
    refused(served.client.get(DELIVERIES, params={"colour": "x"}), 400, "unknown_field", field="colour")


def test_submissions_name_endpoints(served):
    endpoint = made(served, batches="named")["id"]
    client = served.client

    def submitted(webhooks):
        return client.post("/api/v1/batches", json={"task": "t", "items": [1], "webhooks": webhooks})

    for wrong in ([endpoint, "whe_none"], ["whe_x"] * 21, endpoint):
        refused(submitted(wrong), 400, "option_error", field="webhooks")
    refused(submitted([1]), 400, "option_error", field="webhooks[0]")
    for wrong in ("whe_none", f"{endpoint},"):
        streamed = client.post(f"/api/v1/batches?task=t&webhooks={wrong}", content=b"1\n", headers=NDJSON)
        refused(streamed, 400, "option_error", field="webhooks")
    single = client.post("/api/v1/executions", json={"task": "t", "payload": 1, "webhooks": ["whe_none"]})
    refused(single, 400, "option_error", field="webhooks")
    assert client.get("/api/v1/batches").json()["data"] == []
    single = client.post("/api/v1/executions", json={"task": "t", "payload": 1, "webhooks": [endpoint]})
    assert single.status_code == 202


def test_a_repeated_creation_makes_one(served):
    key = {"idempotency-key": "k"}
    ids = {served.client.post(ENDPOINTS, json={"url": URL}, headers=key).json()["id"] for _ in range(3)}
    assert len(ids) == 1
    other = served.client.post(ENDPOINTS, json={"url": URL + "x"}, headers=key)
    refused(other, 409, "key_conflict")
    assert len(served.client.get(ENDPOINTS).json()["data"]) == 1
