"""Vellum's own client, unmodified, against every route that it calls."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.dialects.vellum.workflows import given
from tests.docs.pages import examples, said
from tests.hosting.conftest import hosting_folder  # noqa: F401 - a fixture
from tests.hosting.vellum_program import vellum_python

(EXAMPLE,) = examples("docs/coming-from-vellum.md", "python")
pytestmark = pytest.mark.timeout(900)  # a fresh machine installs the client


@pytest.fixture(scope="module")
def told(workflows, hosting_folder, tmp_path_factory):  # noqa: F811 - a fixture
    """What one program saw."""
    page = tmp_path_factory.mktemp("page") / "example.py"
    page.write_text(EXAMPLE.text)
    python = vellum_python(hosting_folder, tmp_path_factory.mktemp("nothing"))
    program = Path(__file__).parent / "sdk_program.py"
    command = [str(python), str(program), f"{workflows.served.url}/vellum", workflows.served.secret, str(page)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_runs(told):
    assert told["outputs"] == [
        ["WorkflowOutputString", "greeting", "hello"],
        ["WorkflowOutputNumber", "count", 2.0],
        ["WorkflowOutputJson", "extra", {"a": [1]}],
    ]
    kind, code, raw_data, stacktrace = told["rejected"]
    assert (kind, code) == ("RejectedExecuteWorkflowWorkflowResultEvent", "USER_DEFINED_ERROR")
    assert (raw_data, stacktrace) == ({"why": "dice"}, None)
    assert told["status"] == ["FULFILLED", {"greeting": "hello", "count": 2.0, "extra": {"a": [1]}}, True]
    assert told["asynchronously"] == [True, ["INITIATED", "REJECTED"]]


def test_streams_lose_no_line(told, client):
    """The client passes over what it cannot read: as many lines came as it has seen."""
    asked = given(event_types=["NODE", "WORKFLOW"])
    raw = [json.loads(one) for one in client.post("/v1/execute-workflow-stream", json=asked).text.splitlines() if one]
    assert [state for _, _, state in told["stream"]] == [one["data"]["state"] for one in raw]
    assert [kind for _, kind, _ in told["stream"]] == [
        "WorkflowResultEvent",
        "InitiatedWorkflowNodeResultEvent",
        "FulfilledWorkflowNodeResultEvent",
        *["WorkflowResultEvent"] * 3,
    ]
    path = "/v1/workflow-deployments/hello/execute-stream"
    raw = [json.loads(one) for one in client.post(path, json={"inputs": {"do": "greet"}}).text.splitlines() if one]
    assert [name for _, name, _ in told["events"]] == [one["name"] for one in raw]
    assert told["events"][0][2] == "WorkflowDeploymentParentContext"


def test_executions_are_read_back(told):
    assert told["detail"] == [
        *("ExecutionStringVellumValue", "ExecutionNumberVellumValue", "ExecutionJsonVellumValue"),
        "ExecutionChatHistoryVellumValue",
        *("ExecutionStringVellumValue", "ExecutionNumberVellumValue", "ExecutionJsonVellumValue"),
        *("WorkflowExecutionSpan", "NodeExecutionSpan"),
        "WorkflowDeploymentParentContext",
    ]
    assert told["usage"] is True
    assert told["single"] == [True, "hi", 1.0]
    assert told["listed"] == [1, True]
    assert told["state"] == {"meta": {"turns": 1}}


def test_deployments_and_releases(told):
    assert told["deployment"] == ["hello", "PRODUCTION", ["VellumVariable", "VellumVariable"]]
    assert told["tags"] == [["v1.0.0", "USER"]]
    assert (told["tag"], told["one id"], told["releases"]) == ("SYSTEM", 1, 1)
    assert told["pulled"] == ["workflow.py"]


def test_refusals_are_of_the_kinds_that_programs_catch(told):
    assert told["refused"] == {
        "key": ["ApiError", 401],
        "unknown": ["NotFoundError", 404],
        "stream": ["NotFoundError", 404],
        "held": ["detail", "execution_id"],
        "code": ["BadRequestError", 400],
        "detail": ["NotFoundError", 404],
    }


def test_the_page_says_what_happens(told):
    assert told["page"] == said(EXAMPLE)


def test_who_one_is_and_what_ran_elsewhere(told):
    assert told["identity"] == ["default", "REQUIRE_EXPLICIT_INVITE", "production"]
    assert told["ingested"] == 1
