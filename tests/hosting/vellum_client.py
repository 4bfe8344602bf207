"""What a user of Vellum's client does, in an environment that has it: `vellum_client.py WHAT ARGUMENT`. Prints JSON.

runs N          N runs submitted and polled to their ends, those of every tenth input are to fail
one             a run of each kind, and a stream of events
deliveries FILE what a receiver got: signed as Vellum signs, in the shapes that the client reads
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from unittest.mock import patch

from pydantic import TypeAdapter
from requests import Request
from vellum import Vellum, VellumEnvironment, WorkflowRequestChatHistoryInputRequest, WorkflowRequestStringInputRequest
from vellum.client.types import ChatMessageRequest
from vellum.client.types.workflow_event import WorkflowEvent
from vellum.workflows.utils.hmac import _sign_request

NAME = "hello"


def client():
    base = os.environ["VELLUM_API_URL"]
    environment = VellumEnvironment(default=base, predict=base, documents=base)
    return Vellum(api_key=os.environ["VELLUM_API_KEY"], environment=environment)


def named(name):
    return [WorkflowRequestStringInputRequest(name="name", value=name)]


def runs(count):
    there = client()
    waiting = {}
    for number in range(int(count)):
        name = "nobody" if number % 10 == 0 else f"n{number}"
        made = there.execute_workflow_async(
            workflow_deployment_name=NAME, inputs=named(name), external_id=f"run-{number}", metadata={"number": number}
        )
        waiting[made.execution_id] = number
    ids, states, outputs = list(waiting), Counter(), {}
    while waiting:
        for execution_id, number in list(waiting.items())[:50]:
            status = there.workflows.workflow_execution_status(execution_id)
            if status.status in {"FULFILLED", "REJECTED"}:
                states[status.status] += 1
                outputs[number] = status.outputs if status.error is None else {"error": status.error.code}
                del waiting[execution_id]
        time.sleep(0.1)
    wrong = [n for n, one in outputs.items() if one != ({"error": "NODE_EXECUTION"} if n % 10 == 0 else said(f"n{n}"))]
    spans = []
    while len(spans) < len(ids):
        page = there.workflow_deployments.list_workflow_deployment_event_executions(NAME, limit=500, offset=len(spans))
        spans += [(one.start, one.end) for one in page.results]
    return {"states": states, "wrong": wrong, "most_at_once": most_at_once(spans)}


def most_at_once(spans):
    moments = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    count = most = 0
    for _, step in moments:
        count += step
        most = max(most, count)
    return most


def said(name):
    return {"greeting": f"Hello, {name}!"}


def one(_):
    there = client()
    chat = WorkflowRequestChatHistoryInputRequest(name="chat", value=[ChatMessageRequest(role="USER", text="hi")])
    return {
        "good": there.execute_workflow(workflow_deployment_name=NAME, inputs=[*named("Ada"), chat]).dict(),
        "bad": there.execute_workflow(workflow_deployment_name=NAME, inputs=named("nobody")).dict(),
        "missing": there.execute_workflow(workflow_deployment_name=NAME, inputs=[], release_tag="v1.0.0").dict(),
        "stream": [event.name for event in there.workflow_deployments.execute_stream(NAME, inputs={"name": "Bo"})],
    }


def deliveries(file):
    parse = TypeAdapter(WorkflowEvent).validate_python
    found = {"names": Counter(), "unsigned": 0, "events": {}, "spans": {}}
    for line in Path(file).read_text().splitlines():
        got = json.loads(line)
        with patch("time.time", lambda at=got["headers"]["x-vellum-timestamp"]: int(at)):
            request = Request("POST", got["url"], data=got["body"].encode()).prepare()
            _sign_request(request, got["secret"])
        found["unsigned"] += request.headers["X-Vellum-Signature"] != got["headers"]["x-vellum-signature"]
        event = parse(json.loads(got["body"]))
        found["names"][event.name] += 1
        found["events"][str(event.id)] = event.parent.external_id
        found["spans"].setdefault(str(event.span_id), []).append((json.loads(got["body"])["sequence"], event.name))
    return found


if __name__ == "__main__":
    print(json.dumps({"runs": runs, "one": one, "deliveries": deliveries}[sys.argv[1]](sys.argv[2]), default=str))
