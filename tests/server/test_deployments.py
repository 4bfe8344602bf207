"""Deployments over HTTP."""

from __future__ import annotations

import json
import uuid

import pytest

from stook.core.hosted_reason import DEPLOYMENT_DELETED
from stook.webhooks.sealer import new_encryption_key
from tests.server.deploying import DEPLOYMENTS, Host, tarred, zipped
from tests.server.serving import serving
from tests.server.test_batches_in import refused

ZIP, FORM = {"content-type": "application/zip"}, {"entrypoint": "main.py"}


@pytest.fixture
def host(served):
    return Host(served)


def deploy(client, archive=None, **words):
    query = {"entrypoint": "main.py"} | words
    return client.post(DEPLOYMENTS, params=query, content=zipped() if archive is None else archive, headers=ZIP)


def frames(answer):
    """(event, data, id) of each."""
    found = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if line.startswith(":"):
            continue
        if not line:
            if "data" in found:
                yield found.get("event"), json.loads(found["data"]), found.get("id")
            found = {}
        else:
            found[name] = value


@pytest.fixture
def encrypting(monkeypatch):
    monkeypatch.setenv("STOOK_ENCRYPTION_KEY", new_encryption_key())


def test_a_form_is_deployed_built_and_shown(encrypting, served_on_either, tmp_path):
    client, host = served_on_either.client, Host(served_on_either)
    form = {"entrypoint": "main.py", "label": "v1", "dialect": "kernel", "force": "true", "env": '{"A": "secret"}'}
    made = client.post(DEPLOYMENTS, data=form, files={"archive": ("code.zip", zipped(), "application/zip")})
    assert made.status_code == 201
    shown = made.json()
    assert made.headers["location"] == f"{DEPLOYMENTS}/{shown['id']}"
    assert (
        shown.items()
        >= {
            "state": "queued",
            "reason": None,
            "label": "v1",
            "dialect": "kernel",
            "runtime": "python",
            "force": True,
            "entrypoint": "main.py",
            "env": ["A"],
            "apps": [],
            "running_at": None,
            "deleted": False,
            "source": {"type": "file", "url": "", "ref": "", "path": ""},
        }.items()
    )
    assert client.get(f"{DEPLOYMENTS}/{shown['id']}").json() == shown
    order = host.take()
    assert order.env == {"A": "secret"}
    assert host.copy(order, tmp_path / "copy") == zipped()
    host.publish(order)
    built = client.get(f"{DEPLOYMENTS}/{shown['id']}").json()
    assert built["state"] == "running"
    task = f"{shown['id']}/shop/pay"
    assert built["apps"] == [
        {
            "name": "shop",
            "actions": [{"name": "pay", "task": task, "input_schema": {"type": "object"}, "output_schema": None}],
        }
    ]
    (version,) = client.get("/api/v1/apps", params={"app": "shop", "label": "v1"}).json()["data"]
    assert (version["deployment_id"], version["actions"][0]["task"]) == (shown["id"], task)
    batch = client.post("/api/v1/batches", json={"task": task, "items": [1, 2]})
    assert (batch.status_code, batch.json()["queue"]) == (201, "kernel/shop")
    assert client.delete(f"{DEPLOYMENTS}/{shown['id']}").status_code == 204
    ended = client.get(f"/api/v1/batches/{batch.json()['id']}").json()
    assert (ended["state"], ended["reason"]) == ("cancelled", DEPLOYMENT_DELETED)
    (deleted, deployed) = client.get("/api/v1/actions").json()["data"][:2]
    assert (deleted["kind"], deployed["kind"]) == ("delete deployment", "deploy")


@pytest.mark.parametrize(
    ("archive", "media_type"),
    [(zipped, "application/zip"), (tarred, "application/gzip"), (tarred, "application/octet-stream")],
)
def test_an_archive_may_be_the_whole_body(served, host, tmp_path, archive, media_type):
    words = {"entrypoint": "main.py", "force": "true"}
    made = served.client.post(DEPLOYMENTS, params=words, content=archive(), headers={"content-type": media_type})
    assert made.status_code == 201
    assert (made.json()["label"], made.json()["dialect"]) == ("latest", "stook")
    assert host.copy(host.take(), tmp_path / "copy") == archive()


def test_the_same_id_with_the_same_archive_is_one_deployment(served):
    mine = str(uuid.uuid4())
    first, again = (deploy(served.client, id=mine) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == mine
    refused(deploy(served.client, zipped({"main.py": ""}), id=mine), 409, "conflict")
    assert len(served.client.get(DEPLOYMENTS).json()["data"]) == 1


@pytest.mark.parametrize(
    ("archive", "words", "status", "code"),
    [
        (b"no zip", {}, 400, "bad_archive"),
        (None, {"entrypoint": "other.py"}, 400, "bad_archive"),
        (None, {"entrypoint": "../main.py"}, 400, "bad_archive"),
        (zipped({"main.rb": ""}), {"entrypoint": "main.rb"}, 400, "bad_archive"),
        (zipped({"../main.py": ""}), {}, 400, "bad_archive"),
        (zipped({"main.ts": ""}), {"entrypoint": "main.ts"}, 400, "option_error"),
        (None, {"entrypoint": ""}, 400, "option_error"),
        (None, {"label": "x" * 300}, 400, "option_error"),
        (None, {"label": "a\0b"}, 400, "option_error"),
        (None, {"dialect": "vellum"}, 400, "option_error"),
        (None, {"force": "maybe"}, 400, "option_error"),
        (None, {"id": "seven"}, 400, "option_error"),
        (None, {"more": "1"}, 400, "unknown_field"),
    ],
    ids=range(13),
)
def test_what_cannot_be_deployed_is_refused_at_once(served, archive, words, status, code):
    refused(deploy(served.client, archive, **words), status, code)
    assert served.client.get(DEPLOYMENTS).json()["data"] == []


@pytest.mark.parametrize(
    ("data", "files", "field"),
    [
        (FORM, {}, "archive"),
        (FORM, {"archive": (None, b"text")}, "archive"),
        (FORM | {"colour": "red"}, {"archive": ("a.zip", zipped())}, "colour"),
        (FORM | {"env": "[1]"}, {"archive": ("a.zip", zipped())}, "env"),
        (FORM | {"env": '{"A": 1}'}, {"archive": ("a.zip", zipped())}, "env"),
        (FORM | {"env": '{"A=": "x"}'}, {"archive": ("a.zip", zipped())}, "env"),
        (FORM, {"archive": ("a.zip", zipped()), "more": ("b.zip", b"x")}, "more"),
        (FORM | {"label": ["a", "b"]}, {"archive": ("a.zip", zipped())}, "label"),
    ],
    ids=range(8),
)
def test_a_form_that_cannot_be_names_its_field(served, data, files, field):
    if not files:
        files = {"env": (None, b"{}")}
    answer = served.client.post(DEPLOYMENTS, data=data, files=files)
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == field or field in answer.json()["error"]["message"]


def test_other_bodies_are_refused(served):
    refused(served.client.post(DEPLOYMENTS, json={}), 415, "unsupported_media_type")


def test_deploying_needs_the_right_to_operate(served):
    with served.as_key("submit", "read") as client:
        refused(deploy(client), 403, "forbidden")
        assert client.get(DEPLOYMENTS).status_code == 200
    with served.as_key("operate", "read", project="other") as client:
        made = deploy(client).json()
        assert client.get(f"{DEPLOYMENTS}/{made['id']}").status_code == 200
    refused(served.client.get(f"{DEPLOYMENTS}/{made['id']}"), 404, "not_found")
    refused(served.client.delete(f"{DEPLOYMENTS}/{made['id']}"), 404, "not_found")


def test_lists_go_on_at_next(served, host):
    for number in range(3):
        deploy(served.client, label=f"v{number}")
        host.publish(host.take(), f"app{number}")
    seen, offset = [], 0
    while offset is not None:
        page = served.client.get(DEPLOYMENTS, params={"limit": 2, "offset": offset}).json()
        seen += [one["label"] for one in page["data"]]
        offset = page["next"]
    assert seen == ["v2", "v1", "v0"]
    assert [one["label"] for one in served.client.get(DEPLOYMENTS, params={"app": "app1"}).json()["data"]] == ["v1"]
    page = served.client.get("/api/v1/apps", params={"limit": 2}).json()
    assert ([one["app"] for one in page["data"]], page["next"]) == (["app0", "app1"], "2")
    refused(served.client.get(DEPLOYMENTS, params={"limit": 0}), 400, "option_error")


def test_deleting_twice_is_once(served, host):
    made = deploy(served.client).json()
    host.publish(host.take())
    for _ in range(2):
        assert served.client.delete(f"{DEPLOYMENTS}/{made['id']}").status_code == 204
    shown = served.client.get(f"{DEPLOYMENTS}/{made['id']}").json()
    assert (shown["state"], shown["deleted"]) == ("stopped", True)
    assert served.client.get(DEPLOYMENTS).json()["data"] == []
    assert served.client.get("/api/v1/apps").json()["data"] == []
    kinds = [one["kind"] for one in served.client.get("/api/v1/actions").json()["data"]]
    assert kinds == ["delete deployment", "deploy"]


def test_its_lines_are_paged(served, host):
    made = deploy(served.client).json()
    host.say(made["id"], "one", "two", "three")
    path = f"{DEPLOYMENTS}/{made['id']}/logs"
    page = served.client.get(path, params={"limit": 2}).json()
    assert ([one["text"] for one in page["data"]], page["next"]) == (["one", "two"], "2")
    rest = served.client.get(path, params={"after": 2}).json()
    assert ([one["text"] for one in rest["data"]], rest["next"]) == (["three"], None)
    assert served.client.get(path, params={"since": "2100-01-01T00:00:00Z"}).json()["data"] == []
    refused(served.client.get(f"{DEPLOYMENTS}/nobody/logs"), 404, "not_found")
    refused(served.client.get(path, params={"since": "yesterday"}), 400, "option_error")


def test_it_is_followed_to_its_end(served, host):
    made = deploy(served.client).json()
    path = f"{DEPLOYMENTS}/{made['id']}/follow"
    with served.follow(path) as answer:
        following = frames(answer)
        assert (next(following))[1]["state"] == "queued"
        order = host.take()
        assert next(following)[1]["state"] == "building"
        host.say(made["id"], "installing")
        event, line, cursor = next(following)
        assert (event, line["text"], line["execution_id"], cursor) == ("log", "installing", None, "1")
        host.publish(order)
        event, state, _ = next(following)
        assert (event, state["state"], state["apps"][0]["name"]) == ("state", "running", "shop")
        host.say(made["id"], "paid", execution_id="e")
        assert next(following)[1]["execution_id"] == "e"
        served.client.delete(f"{DEPLOYMENTS}/{made['id']}")
        assert [(event, data.get("state")) for event, data, _ in following] == [
            ("state", "stopped"),
            ("end", "stopped"),
        ]
    with served.follow(path, headers={"last-event-id": "1"}) as answer:
        assert [event for event, _, _ in frames(answer)] == ["log", "state", "end"]
    refused(served.client.get(f"{DEPLOYMENTS}/nobody/follow"), 404, "not_found")
    refused(served.client.get(path, headers={"last-event-id": "x"}), 400, "option_error")


def test_a_follower_hears_a_beat_and_is_let_go_when_the_server_stops(where):
    with serving(where, heartbeat=0.05) as served:
        made = deploy(served.client).json()
        with served.follow(f"{DEPLOYMENTS}/{made['id']}/follow") as answer:
            lines = answer.iter_lines()
            while not next(lines).startswith(": beat"):
                pass
            served.call(served.server.stop())
            assert "retry: 1000" in list(lines)


def test_an_archive_has_a_limit(where, monkeypatch):
    monkeypatch.setenv("STOOK_UPLOAD_BYTES", "2048")
    large = zipped({"main.py": "", "noise.bin": "".join(map(str, range(3000)))})
    with serving(where) as served:
        refused(deploy(served.client, large), 413, "body_too_large")
        files = {"archive": ("a.zip", large)}
        refused(served.client.post(DEPLOYMENTS, data=FORM, files=files), 413, "body_too_large")
        assert deploy(served.client).status_code == 201


def test_an_idempotency_key_makes_one_deployment_however_the_same_is_sent(encrypting, served):
    client, words = served.client, {"entrypoint": "main.py", "env": '{"A": "1", "B": "2"}'}

    def send(key, archive=None, **other):
        files = {"archive": ("code.zip", zipped() if archive is None else archive, "application/zip")}
        return client.post(DEPLOYMENTS, data=words | other, files=files, headers={"idempotency-key": key})

    first, again = send("one"), send("one", env='{"B":"2","A":"1"}')
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert again.request.headers["content-type"] != first.request.headers["content-type"], "another boundary"
    for other in ({"archive": zipped({"main.py": ""})}, {"label": "v2"}, {"env": "{}"}):
        refused(send("one", **other), 409, "key_conflict")
    whole = [
        client.post(DEPLOYMENTS, params=FORM, content=zipped(), headers=ZIP | {"idempotency-key": "two"})
        for _ in range(2)
    ]
    assert [one.json()["id"] for one in whole] == [whole[0].json()["id"]] * 2
    assert send("three", entrypoint="nowhere.py").status_code == 400
    third = send("three")
    assert third.status_code == 201, "what was refused leaves the key free"
    ids = [one["id"] for one in client.get(DEPLOYMENTS).json()["data"]]
    assert sorted(ids) == sorted(one.json()["id"] for one in (first, whole[0], third))
    scopes = [one["scope"] for one in client.get("/api/v1/actions").json()["data"]]
    assert scopes[-1] == f"deployment {first.json()['id']} under latest"
