"""Every no is `{"detail": …}`, whatever was asked."""

from __future__ import annotations

import uuid

import httpx
import pytest

from tests.dialects.vellum.workflows import given


def detail_of(answer):
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert isinstance(body.pop("detail"), str)
    assert body == {}
    return answer.status_code


def test_keys(workflows, client):
    bare = httpx.Client(base_url=client.base_url)
    with bare:
        assert detail_of(bare.get("/v1/workspaces/identity")) == 401
        assert detail_of(bare.get("/v1/workspaces/identity", headers={"x-api-key": "stk_x_y"})) == 401
        assert detail_of(bare.get("/v1/workspaces/identity", headers={"x-api-key": "ü".encode()})) == 401
        alias = {"X_API_KEY": workflows.served.secret}
        assert bare.get("/v1/workspaces/identity", headers=alias).status_code == 200
        reader = workflows.served.as_key("read").headers["authorization"].removeprefix("Bearer ")
        assert detail_of(bare.post("/v1/execute-workflow-async", headers={"x-api-key": reader}, json=given())) == 403


def test_another_project_sees_nothing(workflows, client):
    made = client.post("/v1/execute-workflow", json=given(external_id="mine")).json()["execution_id"]
    secret = workflows.served.as_key("admin", project="else").headers["authorization"].removeprefix("Bearer ")
    deployment = client.get("/v1/workflow-deployments/hello").json()["id"]
    with httpx.Client(base_url=client.base_url, headers={"x-api-key": secret}) as other:
        for path in (
            f"/v1/workflows/executions/{made}/status",
            f"/v1/workflow-executions/{made}/detail",
            f"/v1/workflows/{made}/state",
            "/v1/workflow-deployments/hello",
            f"/v1/workflow-deployments/{deployment}",
            f"/v1/workflows/{workflows.hello.id}/pull",
        ):
            assert detail_of(other.get(path)) == 404, path
        assert detail_of(other.post(f"/v1/workflows/executions/{made}/cancel")) == 404
        assert detail_of(other.post("/v1/execute-workflow-async", json=given())) == 404
        by_name = {"actuals": [], "external_id": "mine"}
        assert detail_of(other.post("/v1/submit-workflow-execution-actuals", json=by_name)) == 404
        assert other.get("/v1/workflow-deployments").json()["count"] == 0


@pytest.mark.parametrize(
    ("method", "path", "content", "code"),
    [
        ("GET", "/v1/nothing", None, 404),
        ("GET", "/v1/workflow-deployments/a/b/c", None, 404),
        ("GET", f"/v1/workflows/executions/{uuid.UUID(int=7, version=4)}/status", None, 404),
        ("GET", "/v1/workflows/executions/no-uuid/status", None, 404),
        ("GET", "/v1/execute-workflow-async", None, 405),
        ("DELETE", "/v1/workflow-deployments/hello", None, 405),
        ("POST", "/v1/execute-workflow-async", b"", 400),
        ("POST", "/v1/execute-workflow-async", b"{", 400),
        ("POST", "/v1/execute-workflow-async", b"[]", 400),
        ("POST", "/v1/execute-workflow-async", b'"x"', 400),
        ("POST", "/v1/execute-workflow-async", b"\xff\xfe", 400),
        ("POST", "/v1/execute-workflow-async", b'{"inputs":[' + b'{"name":' * 100_000, 400),
        ("POST", "/v1/execute-workflow-async", b'{"inputs":[],"x":"' + b"x" * 9_000_000 + b'"}', 413),
        ("PATCH", "/v1/workflow-deployments/hello/release-tags/v1.0.0", b"[]", 400),
        ("POST", "/v1/workflows/push", b"{}", 400),
        ("POST", "/v1/execute-code", b"{}", 400),
        ("POST", "/v1/execute-prompt", b"{}", 400),
        ("GET", "/v1/webhook-endpoints/nope", None, 404),
    ],
)
def test_requests_that_cannot_be_served(client, method, path, content, code):
    assert detail_of(client.request(method, path, content=content)) == code


def test_a_full_queue_is_told_in_a_way_that_the_client_believes(workflows, client):
    workflows.release("full")
    projects, asked = workflows.services.projects, given(workflow_deployment_name="full")
    workflows.served.call(projects.change("default", max_queued_items=2))
    try:
        answers = [client.post("/v1/execute-workflow-async", json=asked) for _ in range(3)]
    finally:
        workflows.served.call(projects.change("default", max_queued_items=None))
    assert answers[0].status_code == 200
    assert detail_of(answers[-1]) == 429
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 30


ODD = ("%00", "%ED%A0%80", "%F0%9F%90%8C", "x" * 3000, "..%2F..", "%25%s", "'--")
NUL, HALF = "a\\u0000b", "\\ud800"


def test_odd_texts_are_refused_or_taken_and_break_nothing(client):
    paths = (
        "/v1/workflow-deployments/{}",
        "/v1/workflow-deployments/hello/release-tags/{}",
        "/v1/workflow-deployments/hello/releases/{}",
        "/v1/workflow-deployments/hello/execution-events/{}",
        "/v1/workflows/{}/pull",
        "/v1/workflow-deployments/hello/execution-events?filters={}",
        "/v1/workflow-deployments?ordering={}&limit=5",
        "/monitoring/v1/events?trace_id={}",
        "/v1/workflow-batches?workflow_deployment_name={}",
    )
    for path in paths:
        for odd in ODD:
            assert client.get(path.format(odd)).status_code in (200, 400, 404), (path, odd)
    bodies = (
        ("/v1/execute-workflow-async", '{"inputs":[],"workflow_deployment_name":"%s"}'),
        ("/v1/execute-workflow-async", '{"inputs":[],"workflow_deployment_name":"hello","external_id":"%s"}'),
        ("/v1/execute-workflow-async", '{"inputs":[],"workflow_deployment_name":"hello","release_tag":"%s"}'),
        ("/v1/execute-workflow-async", '{"inputs":[],"workflow_deployment_name":"hello","metadata":{"%s":"%s"}}'),
        (
            "/v1/execute-workflow-async",
            '{"inputs":[{"name":"%s","type":"STRING","value":"%s"}],"workflow_deployment_name":"hello"}',
        ),
        ("/v1/submit-workflow-execution-actuals", '{"actuals":[],"external_id":"%s"}'),
        ("/monitoring/v1/events", '{"id":"%s","name":"n"}'),
        ("/monitoring/v1/events", '{"id":"odd","name":"n","body":"%s"}'),
    )
    for path, body in bodies:
        for odd in (NUL, HALF, "\\u001f", "x" * 5000):
            answer = client.post(path, content=body.replace("%s", odd))
            assert answer.status_code in (200, 400, 404, 413), (path, body, odd, answer.text)
            if answer.status_code == 200 and "execution_id" in answer.json():
                shown = client.get(f"/v1/workflow-executions/{answer.json()['execution_id']}/detail")
                assert shown.status_code == 200, (body, odd, shown.text)
    assert client.get("/v1/workflow-deployments/hello/execution-events").status_code == 200


def test_webhook_endpoints_are_served_here_too(client):
    hello = client.get("/v1/workflow-deployments/hello").json()["id"]
    asked = {"url": "https://hooks.example.com/in", "deployments": [hello]}
    made = client.post("/v1/webhook-endpoints", json=asked)
    assert made.status_code == 201, made.text
    path = f"/v1/webhook-endpoints/{made.json()['id']}"
    assert made.json()["secret"].startswith("whsec_")
    shown = client.get(path).json()
    assert (shown["deployments"], shown["tasks"]) == (["hello"], ["hello"])
    assert client.patch(path, json={"deployments": [], "description": "d"}).json()["deployments"] == []
    assert [one["description"] for one in client.get("/v1/webhook-endpoints").json()["data"]] == ["d"]
    assert detail_of(client.patch(path, json={"deployments": ["nobody"]})) == 404
    assert detail_of(client.patch(path, json={"deployments": "hello"})) == 400
    assert detail_of(client.patch(path, json={"deployments": ["hello"], "tasks": ["hello"]})) == 400
    assert detail_of(client.patch(path, content=b"{")) == 400
    assert client.get("/v1/webhook-deliveries").status_code == 200
    assert client.delete(path).status_code == 204
    assert detail_of(client.post("/v1/webhook-endpoints", json={"url": "ftp://x"})) == 400


def test_a_link_for_people_says_no_more_than_its_address(client):
    wanted = str(uuid.uuid4())
    page = client.get(f"/workflow-sandboxes/{wanted}", headers={"x-api-key": ""})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert wanted in page.text
    assert detail_of(client.get("/workflow-sandboxes/<b>")) == 404
