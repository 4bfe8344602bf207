"""What people may set, call, meet or read must be named by the pages, not by the generated reference alone."""

from __future__ import annotations

import ast
import inspect
import re

import msgspec
import pytest

import stook
from stook.cli.exits import Exit
from stook.cli.overview import COMMANDS
from stook.config.settings import Settings
from stook.core.policy import TaskPolicy
from stook.core.states import BatchState, State
from stook.testing import FakeClock, Harness, TestApp
from stook.wiring.options import MAP_OPTIONS, SUBMIT_OPTIONS
from tests.docs.pages import ROOT, page

SOURCE = ROOT / "src" / "stook"
TASK_PAGES = tuple(sorted(f"docs/tasks/{file.name}" for file in (ROOT / "docs" / "tasks").glob("*.md")))
GUIDES = (
    *TASK_PAGES,
    "docs/coming-from.md",
    "docs/coming-from-kernel.md",
    "README.md",
    "docs/guide.md",
    "docs/concepts.md",
    "docs/operations.md",
    "docs/command-line.md",
    "docs/logs.md",
    "docs/serving.md",
    "docs/deploying.md",
    "docs/hosting.md",
    "docs/coming-from-vellum.md",
    "docs/metrics.md",
    "docs/sdk.md",
)
OF_PROGRAMS = {"STOOK_KEY", "STOOK_SERVER"}
"""Read by commands and the client, for keys that do not belong on a command line."""


def text_of(*names):
    return "\n".join(page(name) for name in names)


def is_named(word, text):
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def python(folder=""):
    for file in (SOURCE / folder).rglob("*.py"):
        yield file.read_text()


def constants(folder):
    """Every text in the code."""
    for text in python(folder):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


@pytest.mark.parametrize("field", msgspec.structs.fields(Settings), ids=lambda field: field.name)
def test_every_setting_is_named_with_its_default(field):
    match field.default:
        case bool(value):
            shown = str(value).lower()
        case float(value):
            shown = f"{value:g}"
        case tuple(values):
            shown = ",".join(map(str, values))
        case value:
            shown = str(value)
    default = f"`{shown}`" if shown else "–"
    assert f"| `STOOK_{field.name.upper()}` | {default} |" in page("docs/operations.md")


def test_no_setting_is_named_that_there_is_not():
    known = {f"STOOK_{field.name.upper()}" for field in msgspec.structs.fields(Settings)} | OF_PROGRAMS
    assert set(re.findall(r"STOOK_[A-Z_]+", text_of(*GUIDES))) <= known


EVENTS = {text for text in constants("store/script") if re.fullmatch(r"batch\.[a-z_]+", text)}


def test_there_are_events():
    assert EVENTS


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_every_event_is_named(event):
    assert f"`{event}`" in page("docs/operations.md")


def test_no_event_is_named_that_there_is_not():
    named = set(re.findall(r"`(batch\.[a-z_]+)`", page("docs/operations.md")))
    assert named == EVENTS


@pytest.mark.parametrize("command", [one.name for group in COMMANDS.values() for one in group])
def test_every_command_is_named(command):
    assert is_named(f"stook {command}", text_of("README.md"))
    assert is_named(f"stook {command}", text_of("docs/guide.md", "docs/operations.md", "docs/command-line.md")) or (
        command == "demo"
    )


def test_no_command_is_named_that_there_is_not():
    known = {one.name for group in COMMANDS.values() for one in group}
    assert set(re.findall(r"`stook ([a-z]+)", text_of(*GUIDES))) <= known


@pytest.mark.parametrize("code", list(Exit), ids=lambda code: code.name)
def test_every_exit_code_is_named(code):
    assert f"| {int(code)} |" in page("docs/command-line.md")


LOGGERS = {found for text in python() for found in re.findall(r"""getLogger\(f?["'](stook\.\w+)""", text)}


def test_the_loggers_are_those_there_are():
    named = re.findall(r"^\| `(stook\.\w+)(?:\.NAME)?` \|", page("docs/operations.md"), re.MULTILINE)
    assert sorted(named) == sorted(LOGGERS)


@pytest.mark.parametrize("state", [*State, *BatchState], ids=lambda state: f"{type(state).__name__}.{state.name}")
def test_every_state_is_named(state):
    if state is State.cancelling:
        pytest.skip("nobody is shown it")
    assert is_named(state.name, page("docs/concepts.md"))


@pytest.mark.parametrize("option", sorted(MAP_OPTIONS | SUBMIT_OPTIONS))
def test_every_option_of_a_submission_is_shown(option):
    assert is_named(option, text_of("docs/guide.md", "docs/concepts.md"))


SAID_AS = {"limits": "concurrency", "rates": "rate_limit"}


@pytest.mark.parametrize("field", [field.name for field in msgspec.structs.fields(TaskPolicy)])
def test_every_word_of_a_policy_can_be_said_to_app_task(field):
    assert is_named(SAID_AS.get(field, field), page("docs/reference.md").split("### `App`")[1].split("\n### ")[0])


FOR_EMBEDDERS = {"opened", "using", "definition", "reader", "home", "url", "captured_log"}
"""What the command line and tests use, and users need not know."""


def methods():
    owners = (stook.App, stook.Task, stook.Batch, stook.Execution, stook.Invocation, stook.Invocations)
    for owner in (*owners, stook.Context, stook.Orchestrator, Harness, TestApp, FakeClock):
        for name in dir(owner):
            found = inspect.getattr_static(owner, name)
            if (
                not name.startswith("_")
                and name not in FOR_EMBEDDERS
                and (callable(found) or isinstance(found, property))
            ):
                yield owner.__name__, name


@pytest.mark.parametrize(("owner", "method"), sorted(methods()))
def test_what_people_call_is_shown(owner, method):
    assert is_named(method, text_of("docs/guide.md", "docs/concepts.md", "docs/operations.md", *TASK_PAGES))


@pytest.mark.parametrize("name", sorted(set(stook.__all__) - {"__version__"}))
def test_every_public_name_is_in_the_reference(name):
    assert f"### `{name}`" in page("docs/reference.md")
