"""Workflows run over HTTP: asked for, waited for, followed, looked at, stopped."""

from __future__ import annotations

import json
import uuid

import httpx
import pytest

from stook.server.dialects.vellum import following
from tests.dialects.vellum.workflows import given, text

STREAM = "/v1/execute-workflow-stream"


def lines_of(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines() if line]


def status(client, execution_id):
    return client.get(f"/v1/workflows/executions/{execution_id}/status")


def test_a_run_that_is_waited_for(client, workflows):
    answer = client.post("/v1/execute-workflow", json=given(external_id="sync-1", metadata={"a": 1}))
    assert answer.status_code == 200
    whole = answer.json()
    assert uuid.UUID(whole["execution_id"])
    assert (whole["run_id"], whole["external_id"]) == (whole["execution_id"], "sync-1")
    assert whole["data"]["state"] == "FULFILLED"
    (greeting, count, extra) = whole["data"]["outputs"]
    assert greeting == {
        "id": "2c6a2cf5-54c9-4b1e-9f3c-1f5b0a9d7e13",
        "name": "greeting",
        "type": "STRING",
        "value": "hello",
    }
    assert (count["type"], count["value"], extra["type"], extra["value"]) == ("NUMBER", 2.0, "JSON", {"a": [1]})
    again = client.post("/v1/execute-workflow", json=given()).json()
    assert again["data"]["outputs"][2]["id"] == extra["id"]


def test_a_run_that_failed_is_answered_with_200(client):
    answer = client.post("/v1/execute-workflow", json=given("fail"))
    assert answer.status_code == 200
    error = answer.json()["data"]["error"]
    assert error == {"message": "no such luck", "code": "USER_DEFINED_ERROR", "raw_data": {"why": "dice"}}
    shown = status(client, answer.json()["execution_id"]).json()
    assert (shown["status"], shown["outputs"]) == ("REJECTED", None)
    assert shown["error"] == {"message": "no such luck", "code": "USER_DEFINED_ERROR"}
    unknown = client.post("/v1/execute-workflow", json=given("juggle")).json()
    assert unknown["data"]["error"]["code"] == "INTERNAL_SERVER_ERROR"


def test_status_from_the_first_moment_to_cancel(client, workflows):
    made = client.post("/v1/execute-workflow-async", json=given("wait"))
    assert list(made.json()) == ["execution_id"]
    execution_id = made.json()["execution_id"]
    first = status(client, execution_id)
    assert first.status_code == 200
    assert first.json()["status"] in ("PENDING", "INITIATED", "STREAMING")
    assert first.json()["execution_detail_url"] == f"{client.base_url}workflows/executions/{execution_id}"
    assert execution_id in client.get(first.json()["execution_detail_url"]).text
    while status(client, execution_id).json()["status"] != "STREAMING":
        pass
    assert client.post(f"/v1/workflows/executions/{execution_id}/cancel").status_code == 200
    while (shown := status(client, execution_id).json())["status"] != "REJECTED":
        assert shown["status"] == "STREAMING"
    assert shown["error"]["code"] == "WORKFLOW_CANCELLED"
    assert client.post(f"/v1/workflows/executions/{execution_id}/cancel").json() == shown
    assert client.get(f"/v1/workflow-executions/{execution_id}/detail").json()["error"]["code"] == "WORKFLOW_CANCELLED"


def test_a_run_goes_on_when_the_one_who_waits_for_it_leaves(client):
    for path in ("/v1/execute-workflow", STREAM):
        external_id = f"left {path}"
        with pytest.raises(httpx.ReadTimeout):
            client.post(path, json=given("wait", external_id=external_id), timeout=1)
        again = client.post("/v1/execute-workflow-async", json=given(external_id=external_id))
        execution_id = again.json()["execution_id"]
        while (shown := status(client, execution_id).json()["status"]) != "STREAMING":
            assert shown in ("PENDING", "INITIATED")
        client.post(f"/v1/workflows/executions/{execution_id}/cancel")


def test_an_external_id_has_one_holder(client):
    holder = client.post("/v1/execute-workflow-async", json=given(external_id="once")).json()["execution_id"]
    again = client.post("/v1/execute-workflow-async", json=given(external_id="once"))
    assert again.status_code == 400
    assert again.json()["execution_id"] == holder
    assert "'once'" in again.json()["detail"]


def test_a_stream_of_results(client):
    found = lines_of(client.post(STREAM, json=given(external_id="s-1", event_types=["NODE", "WORKFLOW"])))
    told = [(one["type"], one["data"]["state"]) for one in found]
    assert told == [
        ("WORKFLOW", "INITIATED"),
        ("NODE", "INITIATED"),
        ("NODE", "FULFILLED"),
        ("WORKFLOW", "STREAMING"),
        ("WORKFLOW", "STREAMING"),
        ("WORKFLOW", "FULFILLED"),
    ]
    assert len({one["execution_id"] for one in found}) == 1
    assert {one["external_id"] for one in found} == {"s-1"}
    coming, there = found[3]["data"]["output"], found[4]["data"]["output"]
    assert (coming["state"], coming["delta"], coming["value"]) == ("STREAMING", "hel", None)
    assert (there["state"], there["value"]) == ("FULFILLED", "hello")
    assert coming["id"] == there["id"] == found[5]["data"]["outputs"][0]["id"]
    nodes = found[1]["data"], found[2]["data"]
    assert [one["key"] for one in nodes[0]["input_values"]] == ["text", "n", "list"]
    assert [one["type"] for one in nodes[0]["input_values"]] == ["STRING", "NUMBER", "JSON"]
    assert nodes[1]["output_values"][0]["value"] == "hello"
    assert nodes[0]["node_result_id"] == nodes[1]["node_result_id"]


def test_a_stream_has_what_was_asked_for(client):
    found = lines_of(client.post(STREAM, json=given("fail")))
    assert [(one["type"], one["data"]["state"]) for one in found] == [
        ("WORKFLOW", "INITIATED"),
        ("WORKFLOW", "REJECTED"),
    ]
    assert found[1]["data"]["error"]["code"] == "USER_DEFINED_ERROR"
    assert "stacktrace" not in found[1]["data"]["error"]
    nodes = lines_of(client.post(STREAM, json=given(event_types=["NODE"])))
    assert {one["type"] for one in nodes} == {"NODE"}


def test_a_stream_of_events(client):
    asked = {"inputs": {"do": "greet", "n": 3}, "external_id": "e-1", "metadata": {"k": "v"}}
    found = lines_of(client.post("/v1/workflow-deployments/hello/execute-stream", json=asked))
    names = [one["name"] for one in found]
    assert names[0] == "workflow.execution.initiated"
    assert names[-1] == "workflow.execution.fulfilled"
    assert names.count("workflow.execution.initiated") == 1
    assert names.count("workflow.execution.streaming") == 2
    assert found[0]["body"]["inputs"] == {"do": "greet", "n": 3}
    assert found[0]["parent"]["external_id"] == "e-1"
    assert found[0]["parent"]["parent"]["api_actor_type"] == "ENVIRONMENT_API_KEY"
    assert len({one["trace_id"] for one in found}) == 1
    spans = {one["span_id"] for one in found if one["name"].startswith("workflow.")}
    assert spans == {client.get("/v1/workflow-executions/{}/detail".format(*spans)).json()["span_id"]}
    rejected = lines_of(client.post("/v1/workflow-deployments/hello/execute-stream", json={"inputs": {"do": "juggle"}}))
    assert rejected[-1]["body"]["error"]["code"] == "INTERNAL_ERROR"


def test_a_stream_over_several_attempts_has_one_beginning_and_one_end(client):
    found = lines_of(client.post(STREAM, json=given("again", event_types=["NODE", "WORKFLOW"])))
    assert [(one["type"], one["data"]["state"]) for one in found] == [
        ("WORKFLOW", "INITIATED"),
        ("NODE", "INITIATED"),
        ("NODE", "INITIATED"),
        ("WORKFLOW", "STREAMING"),
        ("WORKFLOW", "FULFILLED"),
    ]
    assert [one["value"] for one in found[-1]["data"]["outputs"]] == ["again", None]
    path = "/v1/workflow-deployments/hello/execute-stream"
    names = [one["name"] for one in lines_of(client.post(path, json={"inputs": {"do": "again"}}))]
    assert names.count("workflow.execution.initiated") == 1
    assert [one for one in names if one.endswith(("fulfilled", "rejected"))] == ["workflow.execution.fulfilled"]


def test_a_stream_is_kept_alive_while_nothing_runs(client, workflows, monkeypatch):
    monkeypatch.setattr(following, "SILENCE", 0.01)
    workflows.release("unserved")
    asked = given(workflow_deployment_name="unserved")
    with client.stream("POST", STREAM, json=asked) as answer:
        lines = answer.iter_lines()
        assert [next(lines), next(lines)] == ["", ""]
        (waiting,) = client.get("/v1/workflow-deployments/unserved/execution-events").json()["results"]
        assert status(client, waiting["span_id"]).json()["status"] == "PENDING"
        client.post(f"/v1/workflows/executions/{waiting['span_id']}/cancel")
        states = [json.loads(one)["data"]["state"] for one in lines if one]
    assert states == ["INITIATED", "REJECTED"]
    assert waiting["start"] is not None
    assert waiting["end"] is None


def test_what_is_wrong_with_a_stream_is_answered_before_it(client):
    for path, asked in (
        (STREAM, given(release_tag="nope")),
        (STREAM, {"inputs": []}),
        (STREAM, given(event_types=["X"])),
    ):
        answer = client.post(path, json=asked)
        assert answer.status_code in (400, 404)
        assert list(answer.json()) == ["detail"]
    refused = client.post("/v1/workflow-deployments/hello/execute-stream", json={"inputs": {}, "trigger": {"a": 1}})
    assert (refused.status_code, list(refused.json())) == (400, ["detail"])


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"workflow_deployment_name": None}, 400, "workflow_deployment_id or"),
        ({"workflow_deployment_name": ""}, 400, "length"),
        ({"workflow_deployment_name": "nobody"}, 404, "nobody"),
        ({"workflow_deployment_name": "a/b"}, 404, "a/b"),
        ({"workflow_deployment_id": str(uuid.uuid4())}, 404, "no workflow deployment"),
        ({"workflow_deployment_id": "x"}, 404, "'x'"),
        ({"release_tag": "nope"}, 404, "nope"),
        ({"previous_execution_id": "x"}, 400, "previous_execution_id"),
        ({"inputs": None}, 400, "inputs"),
        ({"inputs": {}}, 400, "inputs"),
        ({"inputs": [text("a", "1"), text("a", "2")]}, 400, "twice"),
        ({"inputs": [text("a", "1", "ARRAY")]}, 400, "ARRAY"),
        ({"inputs": [text("a", 1)]}, 400, "not of type STRING"),
        ({"external_id": ""}, 400, "length"),
        ({"metadata": []}, 400, "metadata"),
    ],
)
def test_what_is_wrong_with_a_submission(client, change, code, says):
    answer = client.post("/v1/execute-workflow-async", json=given() | change)
    assert answer.status_code == code, answer.text
    assert list(answer.json()) == ["detail"]
    assert says in answer.json()["detail"]


def test_null_is_as_good_as_absent_and_unknown_keys_are_passed_over(client):
    asked = given(external_id=None, metadata=None, previous_execution_id=None, release_tag=None, surprise=1)
    assert client.post("/v1/execute-workflow-async", json=asked).status_code == 200
    null = given() | {"inputs": [text("do", "greet"), text("n", None, "NUMBER"), {"name": "z", "type": "STRING"}]}
    assert client.post("/v1/execute-workflow-async", json=null).status_code == 200


def test_a_deployment_is_named_by_its_id_too(client):
    (hello,) = [one for one in client.get("/v1/workflow-deployments").json()["results"] if one["name"] == "hello"]
    by_id = given() | {"workflow_deployment_name": None, "workflow_deployment_id": hello["id"]}
    assert client.post("/v1/execute-workflow-async", json=by_id).status_code == 200
    both = by_id | {"workflow_deployment_name": "hello"}
    assert client.post("/v1/execute-workflow-async", json=both).status_code == 200
    differ = client.post("/v1/execute-workflow-async", json=both | {"workflow_deployment_name": "other"})
    assert differ.status_code == 400
