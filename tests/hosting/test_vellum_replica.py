"""A workflow in a process of its own, with the unmodified runtime: what it is asked, and what it tells."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid

import pytest

from stook.core.vellum_events import FULFILLED, INITIATED, REJECTED, run_facts
from stook.hosting.launch import ProcessLimits, bootstrap_file
from stook.hosting.replica import Done, Loaded, Raised, Replica, Unloadable
from stook.hosting.vellum_context import run_context
from stook.hosting.vellum_environment import replica_env
from tests.hosting.vellum_program import SOURCES, vellum_python

RELEASE = "5d4d8f2e-5b7e-4c0a-9a55-6e1c7d1b6f10"
NODE = ["node.execution.initiated", "node.execution.fulfilled"]


@pytest.fixture(scope="module")
def python(hosting_folder, tmp_path_factory):
    return vellum_python(hosting_folder, tmp_path_factory.mktemp("nothing"))


@contextlib.asynccontextmanager
async def replica(python, folder):
    argv = (str(python), "-u", "-I", str(bootstrap_file("vellum_python.py")))
    made = await Replica.start(argv, cwd=folder, env={}, limits=ProcessLimits())
    try:
        yield made
    finally:
        await made.stop()


def load(module, folder=SOURCES, *, check=True, most=10_000, **facts):
    frame = {"path": str(folder / module), "module": module, "release": RELEASE, "facts": facts, "check": check}
    return frame | {"env": replica_env(None) | {"GREETING": "given"}, "most": most}


async def run(made, *, timeout=None, begun=None, **inputs):
    """The answer, and the events told before it."""
    execution = str(uuid.uuid4())
    given = [{"name": name, "type": kind, "value": value} for name, (kind, value) in inputs.items()]
    context = run_context(run_facts(execution, "default", "hello", RELEASE, "LATEST", {}), timeout)
    told = []

    async def keep(event):
        assert event["run"] == execution
        body = json.loads(event["body"])
        assert (body["id"], body["name"]) == (event["id"], event["name"])
        if event["name"].startswith("workflow."):
            assert body["span_id"] == execution
            assert body["parent"]["deployment_history_item_id"] == RELEASE
        assert body["trace_id"] == context["trace_id"]
        told.append(body)
        if begun is not None and not begun.done():
            begun.set_result(None)

    payload = json.dumps({"inputs": given})
    frame = {"id": execution, "app": "hello", "action": "workflow", "payload": payload, "context": context}
    return await made.run(frame, None, keep), told


def names(told):
    return [event["name"] for event in told]


def error_of(told):
    return told[-1]["body"]["error"]["code"]


async def hello(python):
    async with replica(python, SOURCES) as made:
        loaded = await made.load(load("hello_wf", name="hello"))
        assert isinstance(loaded, Loaded)
        assert [(app.name, [one.name for one in app.actions]) for app in loaded.apps] == [("hello", ["workflow"])]
        assert loaded.facts["definition"]["module"] == ["hello_wf", "workflow"]
        variables = {one["key"]: one for one in loaded.facts["exec_config"]["input_variables"]}
        assert (variables["name"]["type"], variables["name"]["required"]) == ("STRING", True)
        assert variables["times"]["default"] == {"type": "NUMBER", "value": 1.0}

        chat = [{"role": "USER", "text": "hi"}]
        done, told = await run(made, name=("STRING", "Ada"), times=("NUMBER", 2.0), chat=("CHAT_HISTORY", chat))
        assert isinstance(done, Done)
        assert json.loads(done.output) == {"outputs": {"greeting": "Hello, Ada! (hi) Hello, Ada! (hi)"}}
        assert names(told) == [INITIATED, *NODE, *NODE, "workflow.execution.streaming", FULFILLED]
        assert told[0]["body"]["workflow_definition"] == loaded.facts["definition"]
        assert "stook_release" not in json.dumps(told)

        raised, told = await run(made, name=("STRING", "nobody"))
        assert (raised.type, raised.message) == ("NODE_EXECUTION", "nobody is there")
        assert "workflow.py" in told[-1]["body"]["stacktrace"]

        for inputs in ({}, {"name": ("STRING", None)}, {"name": ("STRING", "A"), "chat": ("CHAT_HISTORY", "no")}):
            raised, told = await run(made, **inputs)
            assert isinstance(raised, Raised)
            assert (raised.type, names(told)) == ("INVALID_INPUTS", [INITIATED, REJECTED])
            assert told[0]["body"]["inputs"] == {name: value for name, (_, value) in inputs.items()}

        raised, told = await run(made, name=("STRING", "x" * 20_000))
        assert raised.type == error_of(told) == "INVALID_OUTPUTS"
        assert not made.spent, "it goes on after all of these"


async def slow(python):
    async with replica(python, SOURCES) as made:
        assert isinstance(await made.load(load("slow_wf", check=False)), Loaded)
        raised, told = await run(made, seconds=("NUMBER", 600.0), timeout=0.2)
        assert raised.type == error_of(told) == "WORKFLOW_TIMEOUT"
        assert made.spent, "its node still sleeps"
        begun = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(run(made, begun=begun, seconds=("NUMBER", 600.0)))
        await begun
        await made.stop(grace=60.0)
        raised, told = await running
        assert raised.type == error_of(told) == "WORKFLOW_CANCELLED"


async def broken(python, folder):
    (folder / "broken_wf").mkdir()
    (folder / "broken_wf" / "workflow.py").write_text("import json\n\nraise SystemExit(3)\n")
    async with replica(python, folder) as made:
        refused = await made.load(load("broken_wf", folder))
        assert isinstance(refused, Unloadable)
        assert (refused.type, refused.where) == ("SystemExit", "workflow.py:3")
        assert isinstance(await made.load(load("broken_wf", folder, check=False)), Loaded)
        raised, told = await run(made, name=("STRING", "Ada"))
        assert raised.type == error_of(told) == "INVALID_WORKFLOW"
        assert names(told) == [INITIATED, REJECTED]


def test_a_workflow_runs_and_tells(python):
    asyncio.run(hello(python))


def test_what_takes_too_long_or_is_stopped_says_so_and_its_process_is_not_used_again(python):
    asyncio.run(slow(python))


def test_what_cannot_be_loaded_is_told_when_it_is_built_and_is_an_answer_when_it_is_served(python, tmp_path):
    asyncio.run(broken(python, tmp_path))
