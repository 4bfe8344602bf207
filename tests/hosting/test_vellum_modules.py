"""A pushed module's imports of its own parts: relative or in full, whatever it is called."""

from __future__ import annotations

import asyncio
import json

import pytest

from stook.hosting.dialects import Command
from stook.hosting.launch import ProcessLimits, bootstrap_file
from stook.hosting.replica import Done, Loaded, Unloadable
from stook.hosting.spares import Spares
from tests.hosting.test_vellum_replica import load, python, run  # noqa: F401 - a fixture among them

FILES = {
    "__init__.py": "",
    "inputs.py": "from vellum.workflows.inputs import BaseInputs\n\n\nclass Inputs(BaseInputs):\n    name: str\n",
    "nodes/__init__.py": "from {module}.nodes.greet import Greet\n",
    "nodes/greet.py": """
import json
from vellum.workflows.nodes import BaseNode
import {module}.nodes.words as words
from {module} import inputs
from {module}.inputs import Inputs
from .words.polite import hello
from ..inputs import Inputs as Same

assert Same is Inputs is inputs.Inputs, "one module, not two"
assert words.polite.hello is hello
assert json.loads("1") == 1


class Greet(BaseNode):
    name = Inputs.name

    class Outputs(BaseNode.Outputs):
        text: str

    def run(self) -> Outputs:
        from {module}.nodes.words.late import mark

        return self.Outputs(text=hello(self.name) + mark)
""",
    "nodes/words/polite.py": "from ...inputs import Inputs\n\n\ndef hello(name):\n    return f'Hello, {{name}}'\n",
    "nodes/words/__init__.py": "from {module}.nodes.words import polite\n",
    "nodes/words/late.py": "mark = '!'\n",
    "workflow.py": """
from vellum.workflows import BaseWorkflow
from vellum.workflows.state import BaseState
from {module}.nodes import Greet
from {module}.inputs import Inputs


class OwnWorkflow(BaseWorkflow[Inputs, BaseState]):
    graph = Greet

    class Outputs(BaseWorkflow.Outputs):
        greeting = Greet.Outputs.text
""",
}


def written(folder, module, **other):
    for name, content in {**FILES, **other}.items():
        file = folder / module / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content.format(module=module))


async def loaded_as(python, folder, *modules):  # noqa: F811 - the fixture's
    """What each says of itself, and what it greets with."""
    command = Command((str(python), "-u", "-I", str(bootstrap_file("vellum_python.py"))), {})
    spares, found = Spares(), []
    try:
        for module in modules:
            made = await spares.take(command, ProcessLimits())
            try:
                loaded = await made.load(load(module, folder))
                if isinstance(loaded, Loaded):
                    done, told = await run(made, name=("STRING", "Ada"))
                    assert isinstance(done, Done), done
                    assert "stook_release" not in json.dumps(told)
                    found.append((loaded.facts, json.loads(done.output)["outputs"], told))
                else:
                    found.append(loaded)
            finally:
                await made.stop()
    finally:
        await spares.close()
    return found


@pytest.mark.timeout(600)  # a fresh machine installs the runtime
def test_a_module_finds_its_own_parts_under_its_own_name(python, tmp_path):  # noqa: F811 - the fixture's
    names = ["own_wf", "team.flows.own_wf", "json", "pydantic", "vellum"]
    for name in names:
        written(tmp_path, name)
    found = asyncio.run(loaded_as(python, tmp_path, *names))
    assert not [one for one in found if isinstance(one, Unloadable)]
    for name, (facts, outputs, _) in zip(names, found, strict=True):
        assert outputs == {"greeting": "Hello, Ada!"}, name
        assert facts["definition"]["module"] == [*name.split("."), "workflow"]
        assert [one["key"] for one in facts["exec_config"]["input_variables"]] == ["name"]
    nodes = {told[1]["body"]["node_definition"]["id"] for _, _, told in found}
    assert len(nodes) == 1, "the same workflow has the same ids, whatever it is called"


@pytest.mark.timeout(600)
def test_what_is_not_there_is_said_with_the_modules_own_name(python, tmp_path):  # noqa: F811 - the fixture's
    written(tmp_path, "lost_wf", **{"nodes/__init__.py": "from {module}.nodes.missing import Greet\n"})
    (refused,) = asyncio.run(loaded_as(python, tmp_path, "lost_wf"))
    assert isinstance(refused, Unloadable)
    assert refused.where == "nodes/__init__.py:1"
    assert "lost_wf.nodes.missing" in refused.message
