"""Webhooks from the command line to a receiver that verifies them, each part a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import until
from tests.serving.programs import programs

PROGRAM = Path(__file__).with_name("receiver_process.py")


class Receiver:
    def __init__(self, folder, port):
        self.folder, self.url = folder, f"http://127.0.0.1:{port}/hooks?from=stook"

    def knows(self, *secrets):
        (self.folder / "secrets.txt").write_text("\n".join(secrets))

    def answers(self, status):
        (self.folder / "status.txt").write_text(str(status))

    def received(self):
        file = self.folder / "received.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def of(self, event):
        return [one for one in self.received() if json.loads(one["body"])["type"] == event]

    def waited(self, event, count=1):
        until(lambda: len(self.of(event)) >= count, f"{event} no. {count}")
        return self.of(event)[count - 1]


@contextmanager
def receiving(folder):
    folder.mkdir()
    process = subprocess.Popen([sys.executable, PROGRAM, folder], stdout=subprocess.PIPE, text=True)
    try:
        made = Receiver(folder, process.stdout.readline().strip())
        made.knows()
        made.answers(200)
        yield made
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def receiver(tmp_path):
    with receiving(tmp_path / "receiver") as made:
        yield made


@pytest.fixture
def run(tasks):
    tasks.environment |= {"STOOK_SYNCHRONOUS": "off", "STOOK_WEBHOOK_ALLOWED_CIDRS": "127.0.0.0/8"}
    with programs(tasks) as made:
        yield made


@pytest.fixture
def up(run):
    return run.server("up", "tasks.py")


@pytest.fixture
def client(run, up):
    with run.client(up, up.ready["key"]) as made:
        yield made


def ok(answer, status=200):
    assert answer.status_code == status, answer.text
    return answer.json()


def submitted(client, **options):
    body = {"task": "tasks.double", "items": [{"id": 1}, {"id": 2}], **options}
    return ok(client.post("/api/v1/batches", json=body), 201)["id"]


def test_over_http_from_the_endpoint_to_the_replay(client, receiver):
    auth = {"kind": "bearer", "token": "let-me-in-7"}
    made = ok(client.post("/api/v1/webhook-endpoints", json={"url": receiver.url, "auth": auth}), 201)
    endpoint = f"/api/v1/webhook-endpoints/{made['id']}"
    receiver.knows(made["secret"])
    batch = submitted(client, name="monday", metadata={"team": "a"})

    sent = receiver.waited("batch.finished")
    event = json.loads(sent["body"])
    assert sent["verified"] == [0]
    assert sent["path"] == "/hooks?from=stook"
    assert (sent["headers"]["webhook-id"], sent["headers"]["x-attempt"]) == (event["id"], "1")
    assert sent["headers"]["authorization"] == "Bearer let-me-in-7"
    told = event["data"]["batch"]
    assert (told["id"], told["name"], told["state"], told["total"]) == (batch, "monday", "succeeded", 2)
    assert told["metadata"] == {"team": "a"}

    def log(**query):
        return ok(client.get("/api/v1/webhook-deliveries", params=query))["data"]

    until(lambda: log(state="delivered"), "the record of it")
    (listed,) = log(batch=batch)
    assert (listed["event"], listed["event_id"], listed["code"], listed["batch_id"]) == (
        "batch.finished",
        event["id"],
        200,
        batch,
    )
    shown = client.get(f"/api/v1/webhook-deliveries/{listed['id']}")
    assert shown.json()["body"] == event
    assert sent["body"] in shown.text  # byte for byte
    (attempt,) = shown.json()["history"]
    assert (attempt["code"], attempt["answer"]) == (200, "ok")
    assert attempt["headers"]["webhook-signature"] == sent["headers"]["webhook-signature"]
    for secret in ("let-me-in-7", made["secret"]):
        assert secret not in shown.text

    again = ok(client.post(f"/api/v1/webhook-deliveries/{listed['id']}/replay"), 202)
    assert again["run"] == 2
    replayed = receiver.waited("batch.finished", 2)
    assert replayed["body"] == sent["body"]
    assert replayed["headers"]["webhook-id"] == event["id"]

    rotated = ok(client.post(f"{endpoint}/rotate-secret"))
    assert rotated["secret"] != made["secret"]
    receiver.knows(made["secret"], rotated["secret"])
    delivery = ok(client.post(f"{endpoint}/test"), 202)["delivery_id"]
    assert receiver.waited("webhook.test")["verified"] == [0, 1]  # receivers may change over
    until(lambda: ok(client.get(f"/api/v1/webhook-deliveries/{delivery}"))["state"] == "delivered", "the test")
    ok(client.post(f"{endpoint}/rotate-secret", json={"overlap": 0}))
    ok(client.post(f"{endpoint}/test"), 202)
    assert receiver.waited("webhook.test", 2)["verified"] == []


def test_on_postgresql_by_several_servers(run, receiver, installed_postgres):
    """Every event once, whoever of them delivers it."""
    key = run.cli("webhooks", "new-key").stdout.strip()
    run.cli.environment |= {"STOOK_URL": installed_postgres, "STOOK_ENCRYPTION_KEY": key}
    servers = [run.server("up", "tasks.py"), run.server("serve")]
    with run.client(servers[0], servers[0].ready["key"]) as client:
        made = ok(client.post("/api/v1/webhook-endpoints", json={"url": receiver.url}), 201)
        receiver.knows(made["secret"])
        batches = {submitted(client) for _ in range(20)}
        receiver.waited("batch.finished", 20)

        def delivered():
            return ok(client.get("/api/v1/webhook-deliveries", params={"state": "delivered"}))["data"]

        until(lambda: len(delivered()) == 20, "the record of all")
    told = [json.loads(one["body"])["data"]["batch"]["id"] for one in receiver.received()]
    assert sorted(told) == sorted(batches)
    assert {tuple(one["verified"]) for one in receiver.received()} == {(0,)}


def test_what_was_missed_is_replayed(client, receiver):
    receiver.answers(410)  # which disables it
    made = ok(client.post("/api/v1/webhook-endpoints", json={"url": receiver.url}), 201)
    endpoint = f"/api/v1/webhook-endpoints/{made['id']}"
    first = submitted(client)
    until(lambda: ok(client.get(endpoint))["status"] == "disabled", "the end of it")
    assert "410" in ok(client.get(endpoint))["reason"]
    second = submitted(client)
    until(lambda: ok(client.get(f"/api/v1/batches/{second}"))["state"] == "succeeded", "the batch")
    receiver.answers(200)
    assert ok(client.post(f"{endpoint}/enable"))["reason"] is None
    assert ok(client.post(f"{endpoint}/replay", json={"state": "dead"}), 202) == {"replayed": 1}
    assert json.loads(receiver.waited("batch.finished", 2)["body"])["data"]["batch"]["id"] == first
    since = ok(client.get(f"/api/v1/batches/{second}"))["created_at"]
    assert ok(client.post(f"{endpoint}/replay", json={"since": since}), 202) == {"replayed": 1}
    assert json.loads(receiver.waited("batch.finished", 3)["body"])["data"]["batch"]["id"] == second


def test_a_batch_names_its_endpoint(client, receiver):
    made = ok(client.post("/api/v1/webhook-endpoints", json={"url": receiver.url, "batches": "named"}), 201)
    silent = submitted(client)
    until(lambda: ok(client.get(f"/api/v1/batches/{silent}"))["state"] == "succeeded", "the other batch")
    rows = b'{"id": 1}\n'
    kinds = {"content-type": "application/x-ndjson"}
    streamed = client.post(f"/api/v1/batches?task=tasks.double&webhooks={made['id']}", content=rows, headers=kinds)
    named = {ok(streamed, 201)["id"], submitted(client, webhooks=[made["id"]])}
    receiver.waited("batch.finished", 2)
    assert {json.loads(one["body"])["data"]["batch"]["id"] for one in receiver.of("batch.finished")} == named


def test_from_the_command_line(run, up, tasks, receiver):
    """On the store itself; a server beside it delivers."""
    (made,) = tasks.documents("webhooks", "add", receiver.url, "--event", "batch.finished", "--description", "mine")
    receiver.knows(made["secret"])
    tasks.rows("in.jsonl", 3)
    tasks("run", "tasks.py:double", "--input", "in.jsonl", "--quiet")
    assert receiver.waited("batch.finished")["verified"] == [0]
    (sent,) = tasks.documents("webhooks", "test", made["id"])
    assert receiver.waited("webhook.test")["verified"] == [0]
    until(lambda: tasks.documents("webhooks", "delivery", sent["delivery"])[0]["state"] == "delivered", "its record")
    shown = tasks("webhooks", "delivery", sent["delivery"]).stdout
    assert "answered 200" in shown
    assert "webhook-signature" in shown
    assert made["secret"] not in shown
    listed = tasks.documents("webhooks", "deliveries", "--endpoint", made["id"])
    assert [one["event"] for one in listed] == ["webhook.test", "batch.finished"]
    tasks("webhooks", "replay", listed[1]["id"])
    assert receiver.waited("batch.finished", 2)["verified"] == [0]
    (rotated,) = tasks.documents("webhooks", "rotate", made["id"], "--overlap", "0")
    receiver.knows(made["secret"], rotated["secret"])
    said = tasks("webhooks", "test", made["id"], "--server", up.url, STOOK_KEY=up.ready["key"]).stdout
    assert "on its way" in said
    assert receiver.waited("webhook.test", 2)["verified"] == [1]
