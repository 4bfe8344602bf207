"""What a user of Vellum's client does, in an environment that has it. Prints JSON.

client.py runs COUNT JOURNAL    submits so many, polls them to their ends
client.py verify FILE           looks through what a receiver got, with what the client itself signs requests with
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
from vellum import Vellum, VellumEnvironment, WorkflowRequestNumberInputRequest, WorkflowRequestStringInputRequest
from vellum.client.types.workflow_event import WorkflowEvent
from vellum.workflows.utils.hmac import _sign_request

NAME = "counted"
ENDS = ("FULFILLED", "REJECTED")
AT_ONCE = 25
PAUSE = 0.5


def runs(count, journal):
    base = os.environ["VELLUM_API_URL"]
    environment = VellumEnvironment(default=base, predict=base, documents=base)
    there = Vellum(api_key=os.environ["VELLUM_API_KEY"], environment=environment)
    began = time.process_time()
    waiting = {}
    for number in range(1, int(count) + 1):
        inputs = [
            WorkflowRequestNumberInputRequest(name="number", value=number),
            WorkflowRequestStringInputRequest(name="journal", value=journal),
        ]
        made = there.execute_workflow_async(
            workflow_deployment_name=NAME, inputs=inputs, external_id=f"run-{number}", metadata={"number": number}
        )
        waiting[made.execution_id] = number
    ids, ends, wrong, polls = dict(waiting), Counter(), [], 0
    while waiting:
        before = len(waiting)
        for execution_id, number in list(waiting.items())[:AT_ONCE]:
            status = there.workflows.workflow_execution_status(execution_id)
            polls += 1
            if status.status in ENDS:
                del waiting[execution_id]
                ends[status.status] += 1
                if not _right(number, status):
                    wrong.append([number, status.status, status.outputs, str(status.error)])
        if len(waiting) > before - AT_ONCE:
            time.sleep(PAUSE)
    return {"ids": ids, "ends": ends, "wrong": wrong, "polls": polls, "cpu": time.process_time() - began}


def _right(number, status):
    if number % 10 == 0:
        return status.status == "REJECTED" and status.error.code == "NODE_EXECUTION"
    return status.status == "FULFILLED" and status.outputs == {"square": number**2}


def verify(file):
    """`told`: of each execution the names of its events, by the events' ids."""
    parse = TypeAdapter(WorkflowEvent).validate_python
    unsigned, told = [], {}
    for line in Path(file).read_text().splitlines():
        got = json.loads(line)
        with patch("time.time", lambda at=got["headers"]["x-vellum-timestamp"]: int(at)):
            request = Request("POST", got["url"], data=got["body"].encode()).prepare()
            _sign_request(request, got["secret"])
        event = parse(json.loads(got["body"]))
        if request.headers["X-Vellum-Signature"] != got["headers"]["x-vellum-signature"]:
            unsigned.append(str(event.id))
        told.setdefault(str(event.span_id), {})[str(event.id)] = event.name
    return {"unsigned": unsigned, "told": told}


if __name__ == "__main__":
    print(json.dumps({"runs": runs, "verify": verify}[sys.argv[1]](*sys.argv[2:]), default=str))
