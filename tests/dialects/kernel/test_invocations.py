"""Invoking, waiting, looking, ending."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from stook.config.settings import read_settings


async def pay(item, ctx):
    if item == "bad":
        raise ValueError("no money")
    ctx.logger.info("paid %s", item)
    return {"paid": item}


@pytest.fixture
def stuck():
    """An action that runs until it is let go."""
    held = threading.Event()

    async def hold(item, ctx):
        while not held.is_set():
            ctx.raise_if_cancelled()
            await asyncio.sleep(0.01)

    hold.let_go = held.set
    yield hold
    held.set()


def test_a_sync_invocation_is_answered_when_it_has_ended(kernel):
    made = kernel.deploy()
    with kernel.running(made, pay=pay):
        answer = kernel.invoke(payload={"n": 1})
        assert answer.status_code == 200
        said = answer.json()
        assert said | {"id": ""} == {
            "id": "",
            "action_name": "pay",
            "status": "succeeded",
            "output": '{"paid":{"n":1}}',
        }
        shown = kernel.client.get(f"/invocations/{said['id']}").json()
        assert shown["finished_at"] >= shown["started_at"]
        assert shown | {"started_at": "", "finished_at": ""} == {
            "id": said["id"],
            "app_name": "shop",
            "action_name": "pay",
            "version": "latest",
            "status": "succeeded",
            "started_at": "",
            "finished_at": "",
            "payload": '{"n": 1}',
            "output": '{"paid":{"n":1}}',
            "deployment_id": made,
        }


def test_an_action_that_raises_is_answered_with_200(kernel):
    with kernel.running(kernel.deploy(), pay=pay):
        answer = kernel.invoke(payload="bad")
    assert answer.status_code == 200
    said = answer.json()
    assert (said["status"], said["status_reason"]) == ("failed", "action raised an error")
    assert json.loads(said["output"]) == {"error": "ValueError: no money"}


def test_an_async_invocation_is_queued_and_followed_to_its_end(kernel):
    with kernel.running(kernel.deploy(), pay=pay):
        answer = kernel.invoke(payload=1, **{"async": True, "async_timeout_seconds": 10})
        assert answer.status_code == 202
        said = answer.json()
        assert said | {"id": ""} == {"id": "", "action_name": "pay", "status": "queued"}
        found = kernel.events(f"/invocations/{said['id']}/events")
        late = kernel.events(f"/invocations/{said['id']}/events")
    *before, last = found
    assert (last["event"], last["invocation"]["status"]) == ("invocation_state", "succeeded")
    assert [one["event"] for one in late] == ["log", "invocation_state"]
    assert late[0]["message"] == "paid 1"
    assert late[1]["invocation"] == last["invocation"]
    assert [one["message"] for one in before if one["event"] == "log"] == [late[0]["message"]]
    for one in before:
        if one["event"] == "invocation_state":
            assert one["invocation"]["finished_at"] is None
            assert "status_reason" not in one["invocation"]
    none = kernel.events(f"/invocations/{said['id']}/events?since=2999-01-01")
    assert [one["event"] for one in none] == ["invocation_state"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"app_name": "shop"}, "invalid_input"),
        ({"app_name": "", "action_name": "pay"}, "invalid_input"),
        ({"app_name": 1, "action_name": "pay"}, "invalid_input"),
        ({"app_name": "no", "action_name": "pay", "payload": "{"}, "invalid_payload"),
        ({"app_name": "no", "action_name": "pay", "payload": ""}, "invalid_payload"),
        ({"app_name": "no", "action_name": "pay", "payload": "NaN"}, "invalid_payload"),
        ({"app_name": "no", "action_name": "pay", "payload": {"a": 1}}, "invalid_input"),
        ({"app_name": "no", "action_name": "pay", "payload": '"' + "x" * 65_535 + '"'}, "payload_too_large"),
        ({"app_name": "no", "action_name": "pay", "async": True, "async_timeout_seconds": 9}, "invalid_input"),
        ({"app_name": "no", "action_name": "pay", "async": True, "async_timeout_seconds": 3601}, "invalid_input"),
        ({"app_name": "no", "action_name": "pay", "priority": "high"}, "invalid_input"),
        ([1], "invalid_input"),
    ],
)
def test_what_is_wrong_is_400_before_anything_is_404(kernel, body, code):
    answer = kernel.client.post("/invocations", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), answer.text
    assert answer.json()["details"][0]["code"] == code


def test_half_a_character_is_no_payload(kernel):
    for member in ("payload", "app_name"):
        body = b'{"app_name": "a", "action_name": "b", "%b": "\\ud83d"}' % member.encode()
        answer = kernel.client.post("/invocations", content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_what_is_not_deployed_is_404(kernel):
    made = kernel.deploy(label="v1")
    for fields in ({"app": "no"}, {"action": "no"}, {"version": "v2"}):
        answer = kernel.invoke(fields.pop("action", "pay"), **fields)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), answer.text
    # `latest` is the newest that runs, where nothing has that label.
    answer = kernel.invoke(**{"async": True, "async_timeout_seconds": None, "payload": None})
    assert answer.status_code == 202
    shown = kernel.client.get(f"/invocations/{answer.json()['id']}").json()
    assert (shown["version"], shown["deployment_id"], shown["status"]) == ("v1", made, "queued")
    assert "payload" not in shown


def test_the_same_idempotency_key_is_the_same_invocation(kernel):
    made = kernel.deploy()
    body = {"app_name": "shop", "action_name": "pay", "payload": "1", "async": True}
    headers = {"idempotency-key": "k"}
    first, second = (kernel.client.post("/invocations", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, first.json()) == (202, second.json())
    other = kernel.client.post("/invocations", json=body | {"payload": "2"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (400, "idempotency_key_reused")
    refused = kernel.client.post("/invocations", json=body | {"app_name": "no"}, headers={"idempotency-key": "free"})
    assert refused.status_code == 404
    with kernel.running(made, pay=pay):  # what was refused left the key free; a sync repeat joins the first
        again = {"idempotency-key": "free"}
        answers = [
            kernel.client.post("/invocations", json=body | {"async": False}, headers=again).json() for _ in range(2)
        ]
    assert answers[0] == answers[1]
    assert answers[0]["status"] == "succeeded"
    assert len(kernel.client.get("/invocations").json()) == 2


def test_invocations_are_listed_by_what_they_are(kernel):
    made = kernel.deploy("shop", "pay", "send")
    with kernel.running(made, pay=pay):
        ids = [kernel.invoke(payload=one).json()["id"] for one in (1, "bad")]
    ids.append(kernel.invoke("send", **{"async": True}).json()["id"])

    def found(**query):
        return [one["id"] for one in kernel.client.get("/invocations", params=query).json()]

    assert found() == ids[::-1]
    assert found(status="succeeded") == [ids[0]]
    assert found(status="failed") == [ids[1]]
    assert found(status="queued") == [ids[2]]
    assert found(status="running") == []
    assert found(app_name="shop", action_name="pay") == [ids[1], ids[0]]
    assert found(version="v9") == found(deployment_id="x") == found(since="2999-01-01") == []
    assert found(deployment_id=made, version="latest", since="1h") == ids[::-1]
    assert found(query="SEN") == [ids[2]]
    assert found(limit=1, offset=1) == [ids[1]]
    assert kernel.client.get("/invocations", params={"status": "done"}).status_code == 400


def test_an_id_may_be_cut_short_where_it_is_clear(kernel):
    kernel.deploy()
    first = kernel.invoke(**{"async": True}).json()["id"]
    assert kernel.client.get(f"/invocations/{first[:20]}").json()["id"] == first
    kernel.batch([1, 2])
    answer = kernel.client.get(f"/invocations/{first[:4]}")
    assert (answer.status_code, answer.json()["code"]) == (400, "ambiguous_id")
    for name in ("abc", "ffff-nothing", "00000000-0000-7000-8000-000000000000"):
        assert kernel.client.get(f"/invocations/{name}").status_code == 404


def test_strangers_see_nothing(kernel, kernel_server):
    kernel.deploy()
    made = kernel.invoke(**{"async": True}).json()["id"]
    for path in (f"/invocations/{made}", f"/invocations/{made[:20]}", f"/invocations/{made}/events"):
        assert kernel.admin.get(path).status_code == 404
    assert kernel.admin.patch(f"/invocations/{made}", json={"status": "failed"}).status_code == 404


def test_an_invocation_that_waits_or_runs_is_ended_from_outside_once(kernel, stuck):
    made = kernel.deploy("shop", "pay", "hold")
    waits = kernel.invoke(**{"async": True}).json()["id"]
    answer = kernel.client.patch(f"/invocations/{waits}", json={"status": "failed", "output": '{"error":"stop"}'})
    assert answer.status_code == 200
    said = answer.json()
    assert (said["status"], said["output"], said["status_reason"]) == ("failed", '{"error":"stop"}', "cancelled")
    assert said["finished_at"]
    again = kernel.client.patch(f"/invocations/{waits}", json={"status": "succeeded", "output": "1"})
    assert (again.status_code, again.json()["code"]) == (400, "invocation_finished")
    assert kernel.client.get(f"/invocations/{waits}").json() == said
    with kernel.running(made, hold=stuck):
        for status, output in (("succeeded", "not json"), ("failed", None)):
            runs = kernel.invoke("hold", **{"async": True}).json()["id"]
            with kernel.client.stream("GET", f"/invocations/{runs}/events") as following:
                for line in following.iter_lines():
                    if '"status":"running"' in line:
                        break
            body = {"status": status} if output is None else {"status": status, "output": output}
            said = kernel.client.patch(f"/invocations/{runs}", json=body).json()
            assert (said["status"], said.get("output")) == (status, output)
            assert ("status_reason" in said) == (status == "failed")
    for body in ({}, {"status": "running"}, {"status": 1}):
        assert kernel.client.patch(f"/invocations/{waits}", json=body).status_code == 400


def test_a_sync_invocation_that_takes_too_long_is_stopped(kernel, stuck):
    services = kernel.services
    usual = services.settings
    services.settings = read_settings({"STOOK_KERNEL_SYNC_SECONDS": "1"})
    try:
        with kernel.running(kernel.deploy("shop", "hold"), hold=stuck):
            answer = kernel.invoke("hold")
    finally:
        services.settings = usual
    said = answer.json()
    assert (answer.status_code, said["status"]) == (200, "failed")
    assert said["status_reason"] == "timed out after 1 seconds"
    shown = kernel.client.get(f"/invocations/{said['id']}").json()
    assert (shown["status"], shown["status_reason"]) == ("failed", "timed out after 1 seconds")


def test_a_project_with_a_cap_says_what_is_free_and_refuses_where_it_does_not_queue(kernel, stuck):
    made = kernel.deploy("shop", "hold")
    path = f"/projects/{kernel.project}/limits"
    assert kernel.admin.patch(path, json={"max_concurrent_invocations": 1}).status_code == 200
    services = kernel.services
    usual = services.settings
    with kernel.running(made, hold=stuck):
        first = kernel.invoke("hold", **{"async": True})
        assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("1", "1")
        with kernel.client.stream("GET", f"/invocations/{first.json()['id']}/events") as following:
            for line in following.iter_lines():
                if '"status":"running"' in line:
                    break
        second = kernel.invoke("hold", **{"async": True})
        assert (second.status_code, second.headers["x-ratelimit-remaining"]) == (202, "0")
        services.settings = read_settings({"STOOK_KERNEL_UNQUEUED": kernel.project})
        try:
            third = kernel.invoke("hold", **{"async": True})
            batch = kernel.batch([1], action="hold")
        finally:
            services.settings = usual
        assert (third.status_code, third.json()["code"]) == (429, "concurrency_limit_exceeded")
        assert 1 <= int(third.headers["retry-after"]) <= 60
        assert batch.status_code == 202
        for one in (first, second):
            kernel.client.patch(f"/invocations/{one.json()['id']}", json={"status": "failed"})
        kernel.client.post(f"/batch_jobs/{batch.json()['id']}/cancel")
        stuck.let_go()


def test_a_full_queue_is_529(kernel):
    kernel.deploy()
    kernel.serving.call(kernel.services.projects.change(kernel.project, max_queued_items=1))
    assert kernel.invoke(**{"async": True}).status_code == 202
    for answer in (kernel.invoke(**{"async": True}), kernel.batch([1, 2])):
        assert (answer.status_code, answer.json()["code"]) == (529, "capacity_exhausted")


def test_a_deleted_deployment_fails_what_waits_for_it(kernel):
    made = kernel.deploy()
    waits = kernel.invoke(**{"async": True}).json()["id"]
    kernel.client.delete(f"/deployments/{made}")
    last = kernel.events(f"/invocations/{waits}/events")[-1]["invocation"]
    assert (last["status"], last["status_reason"]) == ("failed", "deployment deleted")


def test_there_are_no_browsers(kernel):
    kernel.deploy()
    made = kernel.invoke(**{"async": True}).json()["id"]
    assert kernel.client.get(f"/invocations/{made}/browsers").json() == {"browsers": []}
    answer = kernel.client.delete(f"/invocations/{made}/browsers")
    assert (answer.status_code, answer.content) == (204, b"")
    assert kernel.client.get("/invocations/nothing/browsers").status_code == 404
