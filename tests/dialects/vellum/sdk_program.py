"""Every call of Vellum's client that has a route here, made in an environment that has the client.

    sdk_program.py BASE KEY PAGE

PAGE is a file with Python code, which is run too. Prints what came back, as JSON. What the client cannot read raises;
what it passes over in a stream is missing here.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sys
import zipfile
from pathlib import Path

from vellum import (
    AsyncVellum,
    Vellum,
    VellumEnvironment,
    WorkflowRequestChatHistoryInputRequest,
    WorkflowRequestJsonInputRequest,
    WorkflowRequestNumberInputRequest,
    WorkflowRequestStringInputRequest,
)
from vellum.client.core.api_error import ApiError
from vellum.client.types import ChatMessageRequest
from vellum.client.types.workflow_execution_actual_string_request import WorkflowExecutionActualStringRequest

NAME = "hello"


def kind(value):
    return type(value).__name__


def doing(do, *more):
    return [WorkflowRequestStringInputRequest(name="do", value=do), *more]


def refused(call, *args, **options):
    try:
        result = call(*args, **options)
        if hasattr(result, "__next__"):
            next(result)
    except ApiError as error:
        return [kind(error), error.status_code, error.body if isinstance(error.body, dict) else str(error.body)]
    return "taken"


def running(there):
    inputs = doing(
        "greet",
        WorkflowRequestNumberInputRequest(name="n", value=3),
        WorkflowRequestJsonInputRequest(name="j", value={"a": [None]}),
        WorkflowRequestChatHistoryInputRequest(name="c", value=[ChatMessageRequest(role="USER", text="hi")]),
    )
    run = there.execute_workflow(workflow_deployment_name=NAME, inputs=inputs, external_id="sdk-1", metadata={"k": 1})
    bad = there.execute_workflow(workflow_deployment_name=NAME, inputs=doing("fail"))
    status = there.workflows.workflow_execution_status(run.execution_id)
    return run.execution_id, {
        "outputs": [[kind(one), one.name, one.value] for one in run.data.outputs],
        "rejected": [kind(bad.data), bad.data.error.code, bad.data.error.raw_data, bad.data.error.stacktrace],
        "status": [status.status, status.outputs, status.execution_detail_url is not None],
        "stream": [
            [kind(one), kind(one.data), one.data.state]
            for one in there.execute_workflow_stream(
                workflow_deployment_name=NAME, inputs=doing("greet"), event_types=["NODE", "WORKFLOW"]
            )
        ],
        "events": [
            [kind(one), one.name, kind(one.parent)]
            for one in there.workflow_deployments.execute_stream(NAME, inputs={"do": "greet"}, metadata={"k": 2})
        ],
    }


def reading(there, execution_id):
    api = there.workflow_deployments
    there.submit_workflow_execution_actuals(
        execution_id=execution_id,
        actuals=[WorkflowExecutionActualStringRequest(output_key="greeting", desired_output_value="hi", quality=1.0)],
    )
    detail = there.workflow_executions.retrieve_workflow_execution_detail(execution_id)
    single = api.workflow_deployment_event_execution(execution_id, NAME)
    wanted = {
        "type": "LOGICAL_CONDITION",
        "lhs_variable": {"type": "STRING", "value": "external_id"},
        "operator": "==",
        "rhs_variable": {"type": "STRING", "value": "sdk-1"},
    }
    listed = api.list_workflow_deployment_event_executions(NAME, filters=json.dumps(wanted), ordering="-timestamp")
    return {
        "detail": [kind(one) for one in (*detail.inputs, *detail.outputs, *detail.spans, detail.parent_context)],
        "usage": detail.usage_results[0].usage[0].ml_model_usage.compute_nanos > 0,
        "single": [single.span_id == execution_id, single.latest_actual.output.value, single.latest_actual.quality],
        "listed": [listed.count, listed.results[0].span_id == execution_id],
        "state": there.workflows.retrieve_state(execution_id).state,
    }


def deployed(there):
    api = there.workflow_deployments
    (listed,) = [one for one in api.list(ordering="-created", status="ACTIVE").results if one.name == NAME]
    whole = api.retrieve(listed.id)
    tags = api.list_workflow_release_tags(NAME, source="USER", ordering="name").results
    release = api.retrieve_workflow_deployment_release(NAME, "LATEST")
    moved = api.update_workflow_release_tag(NAME, tags[0].name, history_item_id=release.id)
    history = api.workflow_deployment_history_item_retrieve(tags[0].name, NAME)
    pulled = b"".join(there.workflows.pull(NAME, exclude_code=False))
    return {
        "deployment": [whole.name, whole.environment, [kind(one) for one in whole.input_variables]],
        "tags": [[one.name, one.source] for one in tags],
        "tag": api.retrieve_workflow_release_tag(NAME, "LATEST").source,
        "one id": len({whole.last_deployed_history_item_id, release.id, moved.release.id, history.id}),
        "releases": api.list_workflow_deployment_releases(NAME).count,
        "pulled": zipfile.ZipFile(io.BytesIO(pulled)).namelist(),
    }


def refusing(there, base):
    keyless = Vellum(
        api_key="stk_nobody_nothing", environment=VellumEnvironment(default=base, predict=base, documents=base)
    )
    name = {"workflow_deployment_name": NAME, "inputs": []}
    return {
        "key": refused(keyless.workspaces.workspace_identity)[:2],
        "unknown": refused(there.execute_workflow_async, workflow_deployment_name="x", inputs=[])[:2],
        "stream": refused(there.execute_workflow_stream, **name, release_tag="x")[:2],
        "held": sorted(refused(there.execute_workflow, **name, external_id="sdk-1")[2]),
        "code": refused(
            there.execute_code, code="x", runtime="PYTHON_3_11_6", input_values=[], packages=[], output_type="STRING"
        )[:2],
        "detail": refused(there.workflow_executions.retrieve_workflow_execution_detail, "x")[:2],
    }


async def asynchronously(base, key):
    there = AsyncVellum(api_key=key, environment=VellumEnvironment(default=base, predict=base, documents=base))
    made = await there.execute_workflow_async(workflow_deployment_name=NAME, inputs=doing("greet"))
    found = [
        one.data.state
        async for one in there.execute_workflow_stream(workflow_deployment_name=NAME, inputs=doing("fail"))
    ]
    status = await there.workflows.workflow_execution_status(made.execution_id)
    return [status.execution_id == made.execution_id, found]


def printed(page, base, key):
    os.environ.update(VELLUM_API_URL=base, VELLUM_API_KEY=key)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(Path(page).read_text(), page, "exec"), {})
    return said.getvalue().splitlines()


def main(base, key, page):
    there = Vellum(api_key=key, environment=VellumEnvironment(default=base, predict=base, documents=base))
    execution_id, ran = running(there)
    event = {
        "id": "sdk-event",
        "name": "workflow.execution.snapshotted",
        "trace_id": "t",
        "span_id": "s",
        "timestamp": "2026-01-01T00:00:00Z",
        "api_version": "2024-10-25",
        "body": {"workflow_definition": {"id": "i", "name": "n", "module": ["m"]}, "state": {}},
    }
    return {
        **ran,
        **reading(there, execution_id),
        **deployed(there),
        "refused": refusing(there, base),
        "page": printed(page, base, key),
        "asynchronously": asyncio.run(asynchronously(base, key)),
        "ingested": there.events.create(request=event).count,
        "identity": [
            there.workspaces.workspace_identity().name,
            there.organizations.organization_identity().new_member_join_behavior,
            there.environments.environment_identity().name,
        ],
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:]), default=str))
