"""Batch jobs: made whole or not at all, followed to their end, cancelled, done again."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from stook.config.settings import read_settings


async def pay(item, ctx):
    if item == "bad":
        raise ValueError("no money")
    return item


class Gate:
    """Lets actions run one after the other; says how many ran at once, and in which order they began."""

    def __init__(self):
        self.open = False
        self.begun, self.at_once, self.running = [], 0, 0

    async def __call__(self, item, ctx):
        self.begun.append(item)
        self.running += 1
        self.at_once = max(self.at_once, self.running)
        try:
            while not self.open:
                ctx.raise_if_cancelled()
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.005)
        finally:
            self.running -= 1
        return item


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.open = True


def until(kernel, path, word):
    """Events up to the first that holds `word`."""
    found = []
    with kernel.client.stream("GET", path) as answer:
        for line in answer.iter_lines():
            if line:
                found.append(json.loads(line[6:]))
            if word in line:
                return found
    return found


def test_a_batch_goes_its_way_and_is_shown_whole(kernel):
    made = kernel.deploy()
    answer = kernel.batch([1, "bad", 3], max_concurrency=2)
    assert answer.status_code == 202
    said = answer.json()
    number = said["batch_job_id"]
    assert said | {"created_at": ""} == {
        "batch_job_id": number,
        "total_count": 3,
        "id": number,
        "status": "queued",
        "app_name": "shop",
        "action_name": "pay",
        "version": "latest",
        "max_concurrency": 2,
        "created_at": "",
    }
    waits = kernel.client.get(f"/batch_jobs/{number}").json()
    assert (waits["status"], waits["queued_count"], waits["started_at"], waits["finished_at"]) == (
        "queued",
        3,
        None,
        None,
    )
    with kernel.running(made, pay=pay):
        found = kernel.events(f"/batch_jobs/{number}/events")
    assert [one["event"] for one in found].count("batch_state") >= 2
    assert found[0]["event"] == "batch_state"
    last = found[-1]["batch_job"]
    assert found[-1]["event"] == "batch_state"
    assert [one["batch_job"]["status"] for one in found if one["event"] == "batch_state"].count(last["status"]) == 1
    progress = [one for one in found if one["event"] == "batch_progress"]
    assert progress[-1] | {"timestamp": ""} == {
        "event": "batch_progress",
        "timestamp": "",
        "batch_job_id": number,
        "succeeded_count": 2,
        "failed_count": 1,
        "total_count": 3,
    }
    assert (last["status"], last["succeeded_count"], last["failed_count"]) == ("partially_failed", 2, 1)
    assert "invocations" not in last
    assert "status_reason" not in last
    late = kernel.events(f"/batch_jobs/{number}/events?since=5m")
    assert [one["event"] for one in late] == ["batch_state"]
    assert late[0]["batch_job"] == last
    whole = kernel.client.get(f"/batch_jobs/{number}").json()
    invocations = whole.pop("invocations")
    assert whole == last
    assert [(one["payload"], one["status"]) for one in invocations] == [
        ("1", "succeeded"),
        ('"bad"', "failed"),
        ("3", "succeeded"),
    ]
    assert {one["batch_job_id"] for one in invocations} == {number}
    assert kernel.client.get(f"/invocations/{invocations[1]['id']}").json() == invocations[1]
    assert kernel.client.get("/batch_jobs").json() == [last]


def test_payloads_may_be_any_json_and_come_back_as_they_were(kernel):
    payloads = ["1", ' {"é": "\\u00e9"} ', "null", '"x"', "[1.0, 1e2]", '"\\ud83d"', "12345678901234567890123"]
    kernel.deploy()
    body = {"app_name": "shop", "action_name": "pay", "payloads": payloads}
    number = kernel.client.post("/invocations/batch", json=body).json()["id"]
    shown = kernel.client.get(f"/batch_jobs/{number}").json()["invocations"]
    assert [one["payload"] for one in shown] == payloads


@pytest.mark.parametrize(
    ("fields", "code", "detail"),
    [
        ({"payloads": []}, "bad_request", "invalid_input"),
        ({"payloads": None}, "bad_request", "invalid_input"),
        ({"payloads": "1"}, "bad_request", "invalid_input"),
        ({"app_name": None}, "bad_request", "invalid_input"),
        ({"action_name": 3}, "bad_request", "invalid_input"),
        ({"version": 3}, "bad_request", "invalid_input"),
        ({"max_concurrency": 0}, "bad_request", "invalid_input"),
        ({"max_concurrency": "5"}, "bad_request", "invalid_input"),
        ({"async_timeout_seconds": 5}, "bad_request", "invalid_input"),
        ({"item_ids": ["a"]}, "bad_request", "invalid_input"),
        ({"item_ids": ["a", 1, "c"]}, "bad_request", "invalid_input"),
        ({"item_ids": "abc"}, "bad_request", "invalid_input"),
        ({"webhook_url": 1}, "bad_request", "invalid_input"),
        ({"webhook_url": "file:///etc/passwd"}, "bad_request", "invalid_input"),
        ({"item_ids": ["a", "b", "a"]}, "bad_request", "invalid_input"),
    ],
)
def test_what_is_wrong_starts_nothing(kernel, fields, code, detail):
    kernel.deploy()
    body = {"app_name": "shop", "action_name": "pay", "payloads": ["1", "2", "3"], **fields}
    answer = kernel.client.post("/invocations/batch", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.text
    assert answer.json()["details"][0]["code"] == detail
    assert kernel.client.get("/batch_jobs").json() == []


def test_bad_payloads_are_named_and_nothing_is_started(kernel):
    body = {"app_name": "no", "action_name": "no", "payloads": ["1", "{", 3, '"' + "x" * 65_535 + '"', "5"]}
    answer = kernel.client.post("/invocations/batch", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    details = answer.json()["details"]
    assert [(one["code"], one["index"]) for one in details] == [
        ("invalid_payload", 1),
        ("invalid_payload", 2),
        ("payload_too_large", 3),
    ]
    assert details[0]["message"].startswith("payloads[1] is not valid JSON")


def test_limits_of_a_batch(kernel):
    kernel.deploy()
    services = kernel.services
    usual = services.settings
    services.settings = read_settings({"STOOK_KERNEL_BATCH_ITEMS": "2", "STOOK_KERNEL_BATCH_BYTES": "2000"})
    try:
        assert kernel.batch([1, 2]).status_code == 202
        answer = kernel.batch([1, 2, 3])
        assert (answer.status_code, answer.json()["code"]) == (400, "too_many_payloads")
        answer = kernel.batch(["x" * 3000])
        assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
    finally:
        services.settings = usual
    answer = kernel.batch([1], app="no")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_bodies_that_come_in_together_have_a_limit_too(kernel):
    kernel.deploy()
    services = kernel.services
    usual = services.settings
    services.settings = read_settings({"STOOK_KERNEL_BATCH_BYTES": "2000"})
    try:
        with services.held_bytes.holding(10_000) as hold:
            hold(3950)
            answer = kernel.batch([1])
            assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
            assert answer.headers["retry-after"]
        assert kernel.batch([1]).status_code == 202
    finally:
        services.settings = usual
    assert services.held_bytes.now == 0
    assert len(kernel.client.get("/batch_jobs").json()) == 1


def test_the_same_idempotency_key_is_the_same_batch(kernel):
    """Also when what it was submitted to has gone meanwhile."""
    deployment = kernel.deploy()
    body = {"app_name": "shop", "action_name": "pay", "payloads": ["1"]}
    headers = {"idempotency-key": "k"}
    first, second = (kernel.client.post("/invocations/batch", json=body, headers=headers) for _ in range(2))
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    other = kernel.client.post("/invocations/batch", json=body | {"payloads": ["2"]}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (400, "idempotency_key_reused")
    assert len(kernel.client.get("/batch_jobs").json()) == 1
    assert kernel.client.delete(f"/deployments/{deployment}").status_code == 204
    late = kernel.client.post("/invocations/batch", json=body, headers=headers)
    assert (late.status_code, late.json()["batch_job_id"]) == (202, first.json()["batch_job_id"])
    fresh = kernel.client.post("/invocations/batch", json=body, headers={"idempotency-key": "fresh"})
    assert fresh.status_code == 404


def test_items_start_in_their_order_and_no_more_than_may_at_once(kernel, gate):
    made = kernel.deploy()
    kernel.admin.patch(f"/projects/{kernel.project}/limits", json={"max_concurrent_invocations": 3})
    assert kernel.batch([0], action="pay", max_concurrency=50).json()["max_concurrency"] == 3
    assert kernel.batch([0], action="pay").json()["max_concurrency"] == 3
    number = kernel.batch(list(range(1, 9)), max_concurrency=1).json()["id"]
    gate.open = True
    with kernel.running(made, pay=gate):
        found = until(kernel, f"/batch_jobs/{number}/events", '"status":"succeeded"')
    assert found[-1]["batch_job"]["succeeded_count"] == 8
    assert [one for one in gate.begun if one] == list(range(1, 9))
    assert gate.at_once <= 3


def test_item_ids_and_results_and_a_retry_of_what_failed(kernel):
    made = kernel.deploy()
    with kernel.running(made, pay=pay):
        number = kernel.batch([1, "bad", "bad"], item_ids=["a", "b", "c"]).json()["id"]
        kernel.events(f"/batch_jobs/{number}/events")
        answer = kernel.client.get(f"/batch_jobs/{number}/results")
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(one) for one in answer.text.splitlines()]
        assert [(one["index"], one["item_id"], one["status"]) for one in lines] == [
            (0, "a", "succeeded"),
            (1, "b", "failed"),
            (2, "c", "failed"),
        ]
        assert (lines[0]["output"], lines[1]["status_reason"]) == ("1", "action raised an error")
        again = kernel.client.post(f"/batch_jobs/{number}/retry")
        assert (again.status_code, again.json()["total_count"]) == (202, 2)
        last = kernel.events(f"/batch_jobs/{again.json()['id']}/events")[-1]["batch_job"]
        assert (last["status"], last["failed_count"]) == ("failed", 2)
        good = kernel.batch([1]).json()["id"]
        kernel.events(f"/batch_jobs/{good}/events")
        assert kernel.client.post(f"/batch_jobs/{good}/retry").status_code == 400
    shown = kernel.client.get(f"/batch_jobs/{again.json()['id']}").json()["invocations"]
    assert [one["item_id"] for one in shown] == ["b", "c"]
    for status, ids in (("succeeded", [good]), ("partially_failed", [number]), ("failed", [again.json()["id"]])):
        found = kernel.client.get("/batch_jobs", params={"status": status}).json()
        assert [one["id"] for one in found] == ids
    assert len(kernel.client.get("/invocations", params={"batch_job_id": number}).json()) == 3
    assert kernel.client.get("/batch_jobs", params={"status": "done"}).status_code == 400
    assert kernel.client.get("/batch_jobs", params={"app_name": "no"}).json() == []


def test_a_batch_is_cancelled_with_what_runs_of_it(kernel, gate):
    made = kernel.deploy()
    with kernel.running(made, pay=gate):
        number = kernel.batch([1, 2, 3], max_concurrency=1).json()["id"]
        until(kernel, f"/batch_jobs/{number}/events", '"status":"running"')
        answer = kernel.client.post(f"/batch_jobs/{number}/cancel", json={"output": '"why"'})
        assert answer.status_code == 200
        assert answer.json()["id"] == number
        assert kernel.client.post(f"/batch_jobs/{number}/cancel").status_code in (200, 400)
        last = kernel.events(f"/batch_jobs/{number}/events")[-1]["batch_job"]
    assert (last["status"], last["failed_count"]) == ("failed", 3)
    assert last["status_reason"]
    shown = kernel.client.get(f"/batch_jobs/{number}").json()["invocations"]
    assert {(one["status"], one["output"], one["status_reason"]) for one in shown} == {("failed", '"why"', "cancelled")}
    answer = kernel.client.post(f"/batch_jobs/{number}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (400, "batch_finished")
    assert kernel.client.post("/batch_jobs/nothing/cancel").status_code == 404
    assert [one["id"] for one in kernel.client.get("/batch_jobs", params={"status": "failed"}).json()] == [number]
    waits = kernel.batch([1]).json()["id"]
    kernel.client.post(f"/batch_jobs/{waits}/cancel")
    (only,) = kernel.client.get(f"/batch_jobs/{waits}").json()["invocations"]
    assert only["output"] == '{"error":"Batch cancelled by user"}'


def test_one_item_is_cancelled_alone(kernel):
    made = kernel.deploy()
    number = kernel.batch([1, 2]).json()["id"]
    first = kernel.client.get(f"/batch_jobs/{number}").json()["invocations"][0]["id"]
    assert kernel.client.patch(f"/invocations/{first}", json={"status": "failed"}).json()["status"] == "failed"
    with kernel.running(made, pay=pay):
        last = kernel.events(f"/batch_jobs/{number}/events")[-1]["batch_job"]
    assert (last["status"], last["succeeded_count"], last["failed_count"]) == ("partially_failed", 1, 1)


def test_a_webhook_url_is_one_endpoint_that_hears_of_its_batches_alone(kernel):
    kernel.deploy()
    url = "https://example.com/hook"
    numbers = [kernel.batch([1], webhook_url=url).json()["id"] for _ in range(2)]
    kernel.batch([1])
    with kernel.speaking("admin") as admin, httpx.Client(base_url=kernel.serving.url, headers=admin.headers) as native:
        (endpoint,) = native.get("/api/v1/webhook-endpoints").json()["data"]
        assert (endpoint["url"], endpoint["batches"], endpoint["events"]) == (url, "named", ["batch.finished"])
    assert len(set(numbers)) == 2


def test_a_deployment_is_pinned_when_a_batch_is_made(kernel):
    first = kernel.deploy()
    number = kernel.batch([1]).json()["id"]
    second = kernel.deploy()
    assert first != second
    (only,) = kernel.client.get(f"/batch_jobs/{number}").json()["invocations"]
    assert only["deployment_id"] == first
    with kernel.running(first, pay=pay):
        assert kernel.events(f"/batch_jobs/{number}/events")[-1]["batch_job"]["status"] == "succeeded"


def test_a_large_batch_comes_in_at_once(kernel):
    kernel.deploy()
    answer = kernel.batch(list(range(20_000)))
    assert (answer.status_code, answer.json()["total_count"]) == (202, 20_000)
    shown = kernel.client.get(f"/batch_jobs/{answer.json()['id']}").json()
    assert [one["payload"] for one in shown["invocations"]] == [str(one) for one in range(20_000)]


def test_strangers_see_no_batch(kernel):
    kernel.deploy()
    number = kernel.batch([1]).json()["id"]
    for path in (f"/batch_jobs/{number}", f"/batch_jobs/{number}/events", f"/batch_jobs/{number}/results"):
        assert kernel.admin.get(path).status_code == 404
        assert kernel.client.get(path.replace(number, "nothing")).status_code == 404
    for verb in ("cancel", "retry"):
        assert kernel.admin.post(f"/batch_jobs/{number}/{verb}").status_code == 404
