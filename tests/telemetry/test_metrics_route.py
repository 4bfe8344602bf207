"""`/metrics` of a real server: who may read it, and what it says after known requests."""

from __future__ import annotations

import contextlib

import pytest

from stook.core.policy import TaskPolicy
from stook.telemetry import exposition
from stook.worker.definition import define
from tests.cli.conftest import until
from tests.telemetry.scraped import Scraped

NDJSON = {"content-type": "application/x-ndjson"}


@pytest.fixture(autouse=True)
def each_scrape_looks(monkeypatch):
    monkeypatch.setattr(exposition, "GOOD_FOR", 0.0)


@contextlib.contextmanager
def working(served, handler):
    definition = define(handler, name="t", policy=TaskPolicy(max_attempts=1))
    context = served.session.working({"t": definition}, meter=served.services.figures.workers)
    served.call(context.__aenter__())
    try:
        yield
    finally:
        served.call(context.__aexit__(None, None, None))


def scrape(served):
    answer = served.client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return Scraped(answer.text)


# ------------------------------------------------------------------------------------------------------ who may read


def test_a_key_of_the_project_default_with_read_may_read(served):
    with served.as_key("read") as client:
        assert client.get("/metrics").status_code == 200
    with served.as_key("submit", "worker") as client:
        assert client.get("/metrics").json()["error"]["code"] == "forbidden"
    with served.as_secret(None) as client:
        assert client.get("/metrics").status_code == 401


def test_another_projects_admin_may_not(served):
    served.call(served.services.projects.create("team"))
    with served.as_key("admin", project="team") as client:
        refused = client.get("/metrics")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
        assert "stook_" not in refused.text


def test_open_is_for_anybody_and_off_for_nobody(served):
    with served.as_secret(None) as client:
        served.services.metrics = "open"
        assert client.get("/metrics").status_code == 200
        served.services.metrics = "off"
        assert client.get("/metrics").status_code == 404
    assert served.client.get("/metrics").status_code == 404


# --------------------------------------------------------------------------------------------------------- what it says


def test_requests_are_counted_by_template_and_refusals_by_code(served):
    batch = served.client.post("/api/v1/batches", json={"task": "t", "items": [1, 2, 3]}).json()["id"]
    for _ in range(2):
        served.client.get(f"/api/v1/batches/{batch}")
    served.client.get("/api/v1/batches/nothing")
    served.client.get("/never/heard/of")
    served.client.request("PROPFIND", "/api/v1/batches")
    found = scrape(served)
    count = "stook_http_request_seconds_count"
    assert found(count, route="/api/v1/batches/{batch}", method="GET", status="2xx") == 2
    assert found(count, route="/api/v1/batches/{batch}", status="4xx") == 1
    assert found(count, route="(none)", status="4xx") == 1
    assert found(count, route="/api/v1/batches", method="other") == 1
    assert "never" not in str(found.labels(count, "route"))
    assert found("stook_http_refusals_total", code="not_found") == 2
    assert found("stook_http_refusals_total", code="method_not_allowed") == 1
    assert found("stook_http_requests_in_flight") >= 1, "the scrape itself"
    assert found("stook_store_write_seconds_count", verb="submit") == 1
    assert found("process_resident_memory_bytes") > 1e6
    assert found("process_open_fds") > 3


def test_what_comes_in_is_counted(served):
    before = scrape(served)
    body = b"".join(b"%d\n" % number for number in range(1000))
    assert served.client.post("/api/v1/batches?task=t", content=body, headers=NDJSON).status_code == 201
    assert served.client.post("/api/v1/batches", json={"task": "t", "items": [1, 2, 3]}).status_code == 201
    assert served.client.post("/api/v1/executions", json={"task": "t", "payload": 1}).status_code == 202
    after = scrape(served)
    assert after("stook_http_submitted_items_total") - before("stook_http_submitted_items_total") == 1004
    assert after("stook_http_received_bytes_total") - before("stook_http_received_bytes_total") > len(body)


def test_an_answer_given_again_is_a_replay(served):
    body, once = {"task": "t", "payload": 1}, {"idempotency-key": "k"}
    for _ in range(3):
        assert served.client.post("/api/v1/executions", json=body, headers=once).status_code in (200, 201, 202)
    assert scrape(served)("stook_http_replays_total") == 2


def test_followers_are_counted_while_they_follow(served):
    batch = served.client.post("/api/v1/batches", json={"task": "t", "items": [1], "open": True}).json()["id"]
    with served.follow(f"/api/v1/batches/{batch}/follow") as answer:
        lines = answer.iter_lines()
        next(lines)
        assert scrape(served)("stook_http_followers") == 1
    served.client.post(f"/api/v1/batches/{batch}/cancel", json={})
    until(lambda: scrape(served)("stook_http_followers") == 0, "the follower's leaving")
    until(lambda: scrape(served)("stook_http_requests_in_flight") == 1, "the end of all but the scrape")


def test_the_store_is_shown_by_project_and_queue(served):
    served.call(served.services.projects.create("team"))
    served.client.post("/api/v1/batches", json={"task": "t", "items": [1, 2, 3], "delay": 3600})
    served.client.post("/api/v1/batches", json={"task": "t", "items": [4, 5]})
    with served.as_key("submit", project="team") as client:
        client.post("/api/v1/batches", json={"task": "t", "items": [1] * 7})
    found = scrape(served)
    assert found("stook_store_up") == 1
    assert found("stook_executions", project="default", queue="default", state="scheduled") == 3
    assert found("stook_executions", project="default", queue="default", state="queued") == 2
    assert found("stook_executions", project="team", state="queued") == 7
    assert found("stook_batches", project="default", phase="active") == 2
    assert 0 <= found("stook_queue_age_seconds", project="team", queue="default") < 60
    assert found("stook_workers") == 0


def test_workers_of_the_process_are_shown_with_it(served):
    async def double(item):
        if item < 0:
            raise ValueError("no")
        return item * 2

    with working(served, double):
        batch = served.client.post("/api/v1/batches", json={"task": "t", "items": [1, 2, -1]}).json()["id"]
        with served.follow(f"/api/v1/batches/{batch}/follow") as answer:
            assert any(line == "event: end" for line in answer.iter_lines())
        found = scrape(served)
        assert found("stook_worker_slots") == 10
        assert found("stook_workers") == 1
    assert found("stook_worker_claimed_total", task="t") == 3
    assert found("stook_worker_attempts_total", task="t", outcome="succeeded") == 2
    assert found("stook_worker_attempts_total", task="t", outcome="failed") == 1
    assert found("stook_worker_handler_seconds_count", task="t") == 3
    assert found("stook_worker_settle_seconds_count") >= 1
    assert found("stook_worker_claim_seconds_count") >= 1


def test_a_store_that_is_away_is_said_and_the_rest_is_shown(served, monkeypatch):
    from stook.core.errors import StoreUnavailable

    async def away(*_):
        raise StoreUnavailable("gone")

    served.services.metrics = "open"
    monkeypatch.setattr(served.services.store, "read", away)
    with served.as_secret(None) as client:
        found = Scraped(client.get("/metrics").text)
    assert found("stook_store_up") == 0
    assert found("stook_executions") is None
    assert found("stook_http_requests_in_flight") >= 1


def test_scrapes_within_five_seconds_are_one_look(served, monkeypatch):
    monkeypatch.setattr(exposition, "GOOD_FOR", 3600.0)
    assert scrape(served)("stook_executions") is None
    served.client.post("/api/v1/batches", json={"task": "t", "items": [1]})
    assert scrape(served)("stook_executions") is None
    monkeypatch.setattr(exposition, "GOOD_FOR", 0.0)
    assert scrape(served)("stook_executions", state="queued") == 1
