"""Deployments, releases, tags, and executions as they are listed."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.dialects.vellum.workflows import CONFIG, given, text

HELLO = "/v1/workflow-deployments/hello"


@pytest.fixture(scope="module")
def releases(workflows):
    """Of `hello`, oldest first."""
    return [workflows.hello, workflows.release("hello", tags=("v2.0.0",), release_description="second")]


def leaf(field, operator, value):
    return {
        "type": "LOGICAL_CONDITION",
        "lhs_variable": {"type": "STRING", "value": field},
        "operator": operator,
        "rhs_variable": {"type": "STRING", "value": value},
    }


@pytest.fixture(scope="module")
def other(workflows):
    """Which nothing serves."""
    return workflows.release("other")


def test_a_deployment_in_a_list_and_alone(client, releases, other):
    found = client.get("/v1/workflow-deployments?ordering=name").json()
    assert (found["count"], found["next"], found["previous"]) == (2, None, None)
    listed, second = found["results"]
    assert client.get("/v1/workflow-deployments").json()["results"] == [second, listed]
    assert (listed["name"], listed["label"], listed["status"]) == ("hello", "Hello", "ACTIVE")
    assert listed["input_variables"] == CONFIG["input_variables"]
    alone = client.get(HELLO).json()
    assert alone == client.get(f"/v1/workflow-deployments/{listed['id']}").json()
    assert alone == listed | {"last_deployed_history_item_id": releases[1].id, "display_data": None}
    assert client.get("/v1/workflow-deployments?status=ARCHIVED").json()["count"] == 0
    for query in ("status=X", "ordering=size", "limit=0", "limit=1001", "limit=x", "offset=-1"):
        refused = client.get(f"/v1/workflow-deployments?{query}")
        assert (refused.status_code, list(refused.json())) == (400, ["detail"]), query
    assert client.get("/v1/workflow-deployments?ordering=name,-created&has_story_config=true").status_code == 200


def test_releases_and_history_are_one(client, releases):
    found = client.get(f"{HELLO}/releases?limit=1").json()
    assert found["count"] == 2
    assert found["next"] == f"{client.base_url}v1/workflow-deployments/hello/releases?limit=1&offset=1"
    newest, oldest = found["results"][0], client.get(found["next"]).json()["results"][0]
    assert [newest["id"], oldest["id"]] == [releases[1].id, releases[0].id]
    assert newest["description"] == "second"
    static = newest["id"].replace("-", "")[:12]
    assert {(one["name"], one["source"]) for one in newest["release_tags"]} == {
        ("LATEST", "SYSTEM"),
        (static, "SYSTEM"),
        ("v2.0.0", "USER"),
    }
    for name in ("LATEST", static, "v2.0.0", newest["id"]):
        assert client.get(f"{HELLO}/releases/{name}").json() == newest
        item = client.get(f"{HELLO}/history/{name}").json()
        assert (item["id"], item["workflow_deployment_id"]) == (newest["id"], newest["deployment"]["id"])
    for missing in ("nope", str(uuid.uuid4())):
        assert client.get(f"{HELLO}/releases/{missing}").status_code == 404


def test_tags_are_listed_and_moved(workflows, client, releases, other):
    found = client.get(f"{HELLO}/release-tags?source=USER&ordering=name").json()["results"]
    assert [one["name"] for one in found] == ["v1.0.0", "v2.0.0"]
    assert found[0]["history_item"]["id"] == found[0]["release"]["id"] == releases[0].id
    moved = client.patch(f"{HELLO}/release-tags/v1.0.0", json={"history_item_id": releases[1].id})
    assert moved.json() == client.get(f"{HELLO}/release-tags/v1.0.0").json()
    assert moved.json()["release"]["id"] == releases[1].id
    client.patch(f"{HELLO}/release-tags/v1.0.0", json={"history_item_id": releases[0].id})
    acts = workflows.served.client.get("/api/v1/actions").json()["data"][:2]
    moves = [f"release tag v1.0.0 of hello to deployment {releases[at].id}" for at in (0, 1)]
    assert [(act["kind"], act["scope"]) for act in acts] == [("move label", one) for one in moves]
    static = releases[0].id.replace("-", "")[:12]
    for tag, item, code in (
        ("LATEST", releases[0].id, 400),
        (static, releases[1].id, 400),
        ("a..b", releases[0].id, 400),
        ("nope", releases[0].id, 404),
        ("v1.0.0", other.id, 404),
        ("v1.0.0", "x", 404),
        ("v1.0.0", "", 400),
    ):
        refused = client.patch(f"{HELLO}/release-tags/{tag}", json={"history_item_id": item})
        assert (refused.status_code, list(refused.json())) == (code, ["detail"]), (tag, item)
    assert client.get(f"{HELLO}/release-tags?source=X").status_code == 400


def test_what_was_submitted_stays_with_its_release(client, releases):
    by_tag = {
        tag: client.post("/v1/execute-workflow-async", json=given("x", release_tag=tag)) for tag in ("v1.0.0", "LATEST")
    }
    pinned = {
        tag: client.get(f"/v1/workflow-executions/{made.json()['execution_id']}/detail").json()["parent_context"]
        for tag, made in by_tag.items()
    }
    assert pinned["v1.0.0"]["deployment_history_item_id"] == releases[0].id
    assert pinned["LATEST"]["workflow_version_id"] == releases[1].id
    assert pinned["v1.0.0"]["release_tag_name"] == "v1.0.0"


def test_executions_are_listed_filtered_and_shown(client, releases, other):
    done = client.post("/v1/execute-workflow", json=given(release_tag="v1.0.0", external_id="l-1")).json()
    bad = client.post("/v1/execute-workflow", json=given("fail", release_tag="v1.0.0", external_id="l-2")).json()
    ids = [done["execution_id"], bad["execution_id"]]

    def listed(filters=None, **query):
        asked = query if filters is None else query | {"filters": json.dumps(filters)}
        answer = client.get(f"{HELLO}/execution-events", params=asked)
        assert answer.status_code == 200, answer.text
        assert sorted(answer.json()) == ["count", "results"]
        return answer.json()

    every = listed()
    assert every["count"] >= 2
    assert {one["span_id"] for one in every["results"]} >= set(ids)
    assert [one["span_id"] for one in listed(limit=1)["results"]] == [every["results"][0]["span_id"]]
    ours = {
        "type": "LOGICAL_CONDITION_GROUP",
        "combinator": "OR",
        "negated": False,
        "conditions": [leaf("external_id", "==", "l-1"), leaf("execution_id", "==", ids[1])],
    }
    assert [one["span_id"] for one in listed(ours, ordering="timestamp")["results"]] == ids
    both = {**ours, "combinator": "AND", "conditions": [ours, leaf("state", "==", "REJECTED")]}
    assert (listed(both)["count"], listed(both)["results"][0]["span_id"]) == (1, ids[1])
    assert listed(leaf("timestamp", ">", "2100-01-01T00:00:00Z")) == {"count": 0, "results": []}
    named = [one["span_id"] for one in listed(ours, ordering="state")["results"]]
    assert named == ids, "FULFILLED, REJECTED"
    assert [one["span_id"] for one in listed(ours, ordering="-state")["results"]] == ids[::-1]
    rejected = listed(leaf("state", "==", "REJECTED"))
    assert rejected["results"][0]["span_id"] == ids[1]
    assert {one["error"] is None for one in rejected["results"]} == {False}
    assert rejected["count"] == len(rejected["results"])
    others = listed(leaf("state", "!=", "REJECTED"))
    assert others["count"] + rejected["count"] == every["count"]
    paged = [listed(leaf("state", "<", "INITIATED"), limit=1, offset=at, ordering="timestamp") for at in range(2)]
    assert [page["count"] for page in paged] == [listed(leaf("state", "==", "FULFILLED"))["count"]] * 2
    early = leaf("timestamp", "<=", every["results"][-1]["start"])
    assert listed(early)["count"] < every["count"]
    states = [one["error"] is not None for one in listed(ordering="-state,timestamp")["results"]]
    assert states == sorted(states, reverse=True)
    assert len(states) == every["count"]
    for wrong in ("{", '{"type":"X"}', json.dumps(leaf("size", "==", "1")), json.dumps(leaf("state", "~", "1"))):
        assert client.get(f"{HELLO}/execution-events", params={"filters": wrong}).status_code == 400
    single = client.get(f"{HELLO}/execution-events/{ids[0]}").json()
    assert single["metric_results"] == []
    assert client.get(f"/v1/workflow-deployments/other/execution-events/{ids[0]}").status_code == 404


def test_detail_has_spans_state_and_usage(client):
    execution_id = client.post("/v1/execute-workflow", json=given(release_tag="v1.0.0")).json()["execution_id"]
    found = client.get(f"/v1/workflow-executions/{execution_id}/detail").json()
    assert [one["name"] for one in found["inputs"]] == ["do"]
    assert found["inputs"][0]["id"] == CONFIG["input_variables"][0]["id"]
    assert [one["name"] for one in found["outputs"]] == ["greeting", "count", "extra"]
    assert found["usage_results"][0]["usage"][0]["ml_model_usage"]["compute_nanos"] > 0
    assert found["state"] == {"meta": {"turns": 1}}
    assert [one["name"] for one in found["spans"]] == ["workflow.execution", "node.execution"]
    root, node = found["spans"]
    assert (root["span_id"], node["parent_span_id"]) == (execution_id, execution_id)
    assert node["attributes"]["label"] == "Greet"
    behind = client.get(f"/v1/workflow-executions/{execution_id}/detail?prev_span_id={root['span_id']}&span_limit=5")
    assert behind.json()["spans"] == [node]
    assert client.get(f"/v1/workflow-executions/{execution_id}/detail?span_limit=0").status_code == 400
    state = client.get(f"/v1/workflows/{execution_id}/state").json()
    assert (state["span_id"], state["state"]) == (execution_id, {"meta": {"turns": 1}})
    rejected = client.post("/v1/execute-workflow", json=given("fail", release_tag="v1.0.0")).json()["execution_id"]
    assert client.get(f"/v1/workflows/{rejected}/state").status_code == 404
    assert "secret" not in client.get(f"/v1/workflow-executions/{rejected}/detail").text


def test_actuals_show_the_newest(client):
    made = client.post("/v1/execute-workflow", json=given(release_tag="v1.0.0", external_id="actual-1")).json()
    path, route = f"{HELLO}/execution-events/{made['execution_id']}", "/v1/submit-workflow-execution-actuals"
    assert client.get(path).json()["latest_actual"] is None
    actual = {"output_type": "STRING", "output_key": "greeting", "desired_output_value": "hi", "quality": 0.5}
    both = [actual | {"desired_output_value": "first"}, actual | {"metadata": {"by": "me"}, "timestamp": 1750000000}]
    assert client.post(route, json={"actuals": both, "external_id": "actual-1"}).status_code == 200
    shown = client.get(path).json()["latest_actual"]
    assert shown["output"] == {
        "id": CONFIG["output_variables"][0]["id"],
        "name": "greeting",
        "type": "STRING",
        "value": "hi",
    }
    assert (shown["quality"], shown["metadata"], shown["timestamp"][:10]) == (0.5, {"by": "me"}, "2025-06-15")
    listed = client.get(f"{HELLO}/execution-events").json()["results"]
    assert [one["latest_actual"] for one in listed if one["span_id"] == made["execution_id"]] == [shown]
    for wrong, code in (
        ({"actuals": [actual]}, 400),
        ({"actuals": [actual | {"quality": 2}], "external_id": "actual-1"}, 400),
        ({"actuals": [actual | {"output_key": None}], "external_id": "actual-1"}, 400),
        ({"actuals": [actual | {"desired_output_value": 3}], "external_id": "actual-1"}, 400),
        ({"actuals": [actual], "external_id": "nobody"}, 404),
        ({"actuals": [actual], "execution_id": str(uuid.uuid4())}, 404),
    ):
        assert client.post(route, json=wrong).status_code == code, wrong
    assert client.get(path).json()["latest_actual"] == shown


def test_a_batch(client, releases, other):
    items = [{"inputs": [text("do", do)], "external_id": f"b-{do}", "metadata": {"do": do}} for do in ("greet", "fail")]
    asked = {"workflow_deployment_name": "hello", "release_tag": "v1.0.0", "items": items}
    made = client.post("/v1/execute-workflow-batch", json=asked)
    assert made.status_code == 200, made.text
    path = f"/v1/workflow-batches/{made.json()['batch_id']}"
    while (shown := client.get(path).json())["status"] in ("PENDING", "INITIATED"):
        pass
    assert (shown["status"], shown["counts"]["fulfilled"], shown["counts"]["rejected"]) == ("FULFILLED", 1, 1)
    executions = client.get(f"{path}/executions").json()
    assert [one["execution_id"] for one in executions["results"]] == made.json()["execution_ids"]
    assert [one["status"] for one in executions["results"]] == ["FULFILLED", "REJECTED"]
    detail = client.get(f"/v1/workflow-executions/{made.json()['execution_ids'][0]}/detail").json()
    assert detail["parent_context"]["external_id"] == "b-greet"
    assert detail["parent_context"]["metadata"] == {"do": "greet"}
    assert made.json()["batch_id"] in [one["batch_id"] for one in client.get("/v1/workflow-batches").json()["results"]]
    held = client.post("/v1/execute-workflow-batch", json=asked)
    assert (held.status_code, held.json()["execution_id"]) == (400, made.json()["execution_ids"][0])
    items[1]["inputs"].append(text("do", "x"))
    refused = client.post("/v1/execute-workflow-batch", json=asked)
    assert (refused.status_code, "items[1]" in refused.json()["detail"]) == (400, True)
    assert client.post(f"{path}/cancel").json() == shown
    waiting = [{"inputs": [text("do", "greet")]}] * 3
    unserved = client.post("/v1/execute-workflow-batch", json={"workflow_deployment_name": "other", "items": waiting})
    stopped = client.post(f"/v1/workflow-batches/{unserved.json()['batch_id']}/cancel").json()
    assert (stopped["status"], stopped["error"]["code"]) == ("REJECTED", "WORKFLOW_CANCELLED")


def test_who_one_is(client):
    workspace = client.get("/v1/workspaces/identity").json()
    assert (workspace["name"], workspace["label"]) == ("default", "default")
    organization = client.get("/v1/organizations/identity").json()
    assert organization["new_member_join_behavior"] == "REQUIRE_EXPLICIT_INVITE"
    assert organization["limit_config"]["max_concurrency"] is None
    assert client.get("/v1/environments/identity").json()["name"] == "production"


def test_events_from_elsewhere_are_kept_once(client):
    one = {"id": "e1", "name": "workflow.execution.initiated", "trace_id": "t1", "span_id": "s", "body": {"a": 1.50}}
    two = one | {"id": "e2", "name": "anything.else"}
    assert client.post("/monitoring/v1/events", json=one).json() == {"success": True, "count": 1}
    assert client.post("/monitoring/v1/events", json=[one, two]).json() == {"success": True, "count": 2}
    found = client.get("/monitoring/v1/events?trace_id=t1").json()["results"]
    assert sorted(event["id"] for event in found) == ["e1", "e2"]
    for wrong in ("[", "3", '{"name":"x"}', '[{"id":"e9","name":"x"},{"id":7}]'):
        assert client.post("/monitoring/v1/events", content=wrong).status_code == 400
    assert "e9" not in client.get("/monitoring/v1/events").text
