"""Workflows are pushed, run and told of with Vellum's own programs, which know nothing of stook."""

from __future__ import annotations

import hashlib
import hmac
import json

import httpx
import pytest
from standardwebhooks import Webhook

from tests.cli.conftest import Cli
from tests.dialects.vellum.workflows import text
from tests.hosting.vellum_program import Receiver, Vellum, vellum_python
from tests.serving.programs import programs

LIMIT = 2
RUNS = 30
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # noqa: S105 - of this test alone


@pytest.fixture(scope="module")
def python(hosting_folder, tmp_path_factory):
    return vellum_python(hosting_folder, tmp_path_factory.mktemp("nothing"))


@pytest.fixture(scope="module")
def server(hosting_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    environment = {
        "STOOK_HOSTING_FOLDER": str(hosting_folder),
        "STOOK_HOSTING_REPLICAS": str(LIMIT + 1),
        "STOOK_WEBHOOK_ALLOWED_CIDRS": "127.0.0.0/8",
    }
    with programs(Cli(folder)) as started:
        yield started.server("serve", "--hosting", "--store", folder / "stook.db", **environment)


@pytest.fixture(scope="module")
def vellum(python, server, tmp_path_factory):
    """With `hello` deployed, as a person does it."""
    made = Vellum(python, tmp_path_factory.mktemp("user") / "work", server.url, server.ready["key"])
    words = ("hello_wf", "--deploy", "--deployment-name", "hello", "--release-tag", "v1.0.0")
    pushed = made.cli("workflows", "push", *words)
    assert pushed.returncode == 0, pushed.stderr
    assert "Successfully pushed hello_wf to Vellum!" in pushed.stderr
    return made


@pytest.fixture
def http(server):
    headers = {"authorization": f"Bearer {server.ready['key']}"}
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=60) as made:
        yield made


def test_what_cannot_run_here_is_refused_by_name_and_leaves_nothing(vellum):
    refused = vellum.cli("workflows", "push", "prompt_wf", "--deploy")
    assert refused.returncode == 1
    for words in ("Ask (InlinePromptNode)", "Compute (a code node with the runtime PYTHON_3_12)", "Fetch (an API node"):
        assert words in refused.stderr
    assert "Fine" not in refused.stderr
    assert '"prompt_wf"' not in (vellum.folder / "vellum.lock.json").read_text()
    with httpx.Client(base_url=vellum.url, headers={"x-api-key": vellum.environment["VELLUM_API_KEY"]}) as client:
        listed = client.get("/vellum/v1/workflow-deployments").json()
    assert {one["name"] for one in listed["results"]} & {"hello", "prompt_wf", "prompt-wf"} == {"hello"}


def test_a_run_answers_as_the_workflow_does(vellum):
    found = vellum.client("one", "")
    (output,) = found["good"]["data"]["outputs"]
    assert (output["name"], output["type"], output["value"]) == ("greeting", "STRING", "Hello, Ada! (hi)")
    assert found["bad"]["data"]["error"]["code"] == "NODE_EXECUTION"
    assert found["bad"]["data"]["error"]["message"] == "nobody is there"
    assert found["missing"]["data"]["error"]["code"] == "INVALID_INPUTS"
    node = ["node.execution.initiated", "node.execution.fulfilled"]
    assert found["stream"] == [
        "workflow.execution.initiated",
        *node,
        *node,
        "workflow.execution.streaming",
        "workflow.execution.fulfilled",
    ]


def signed_with(line, *secrets):
    """Which of them signed it, as Vellum's runtime signs; None: nobody did."""
    headers, body = line["headers"], line["body"]
    if "x-vellum-signature" not in headers:
        return None
    message = f"{headers['x-vellum-timestamp']}\nPOST\n{line['url']}\n{body}".encode()
    made = {hmac.new(one.encode(), message, hashlib.sha256).hexdigest(): one for one in secrets}
    return made[headers["x-vellum-signature"]]


def test_api_nodes_sign_with_the_secret_of_their_project_also_while_it_changes(vellum, tmp_path):
    pushed = vellum.cli("workflows", "push", "sending_wf", "--deploy", "--deployment-name", "sending")
    assert pushed.returncode == 0, pushed.stderr
    receiver = Receiver(tmp_path / "sent.jsonl", "")
    known = ["none was set before this one"]
    headers = {"x-api-key": vellum.environment["VELLUM_API_KEY"]}
    with httpx.Client(base_url=f"{vellum.url}/vellum/v1", headers=headers, timeout=60) as client:

        def sent():
            asked = {"workflow_deployment_name": "sending", "inputs": [text("url", receiver.url)]}
            done = client.post("/execute-workflow", json=asked).json()
            assert done["data"]["state"] == "FULFILLED", done
            return signed_with(json.loads(receiver.file.read_text().splitlines()[-1]), *known)

        def until(wanted, allowed):
            while (found := sent()) != wanted:
                assert found in allowed
                receiver.wait_for(1)

        assert sent() is None
        assert client.get("/workspaces/hmac-secret").status_code == 404
        for _ in range(2):
            made = client.put("/workspaces/hmac-secret", json={}).json()
            before = known[-1] if len(known) > 1 else None
            known.append(made["secret"])
            until(made["secret"], [before])
        later = client.put("/workspaces/hmac-secret", json={"secret": "s" * 32, "after": 3600}).json()
        assert later["secret"] == "s" * 32
        shown = client.get("/workspaces/hmac-secret").json()
        assert (shown["in_use"], shown["before"], "secret" in shown) == (False, True, False)
        assert sent() == known[-1], "until then nothing changes"
        assert client.delete("/workspaces/hmac-secret").status_code == 204
        until(None, known)
    receiver.close()


def test_runs_over_a_limit_wait_all_end_and_all_are_told(vellum, http, tmp_path):
    receiver = Receiver(tmp_path / "received.jsonl", SECRET)
    made = http.post("/webhook-endpoints", json={"url": receiver.url, "secret": SECRET, "tasks": ["hello"]})
    assert made.status_code == 201, made.text
    limited = http.patch("/limits", json={"queue": "vellum/hello", "max_concurrency": LIMIT})
    assert limited.status_code < 300, limited.text
    done = vellum.client("runs", RUNS)
    assert done["states"] == {"FULFILLED": RUNS - RUNS // 10, "REJECTED": RUNS // 10}
    assert done["wrong"] == []
    assert 0 < done["most_at_once"] <= LIMIT
    receiver.wait_for(2 * RUNS)
    receiver.close()
    told = vellum.client("deliveries", receiver.file)
    assert told["unsigned"] == 0
    assert told["names"] == {
        "workflow.execution.initiated": RUNS,
        "workflow.execution.fulfilled": RUNS - RUNS // 10,
        "workflow.execution.rejected": RUNS // 10,
    }
    assert sorted(told["events"].values()) == sorted([f"run-{number}" for number in range(RUNS)] * 2)
    assert all([number for number, _ in sorted(one)] == [1, 2] for one in told["spans"].values())
    for line in receiver.file.read_text().splitlines():
        got = json.loads(line)
        assert Webhook(SECRET).verify(got["body"], got["headers"])["id"] == got["headers"]["webhook-id"]
