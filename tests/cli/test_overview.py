"""The first page, and what each command says of itself."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys

import pytest

from stook import __version__
from stook.cli.invoke import BATCH
from stook.cli.overview import COMMANDS, Command
from stook.cli.webhook_overview import COMMANDS as WEBHOOKS

EVERY = [command for commands in COMMANDS.values() for command in commands]
SINGLE = [command for command in EVERY if command.name not in ("webhooks", "gen", "invoke")] + [
    *(command._replace(name=f"webhooks {command.name}") for command in WEBHOOKS if command.name != "new-key"),
    Command("invoke batch", "stook.cli.invoke_batch:invoke_batch", BATCH),
]
"""Those behind a group, too; without the two that need no store."""


def loaded_after(*words):
    """The modules a process has that ran this command line."""
    program = (
        "import sys, json, io; from stook.cli import main; out, sys.stdout = sys.stdout, io.StringIO();"
        f" code = main({list(words)!r});"
        " print(json.dumps([code, sys.stdout.getvalue(), sorted(sys.modules)]), file=out)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("help",)])
def test_the_first_page_names_every_command_and_loads_nothing(words):
    code, text, modules = loaded_after(*words)
    assert code == 0
    for command in EVERY:
        assert f"  {command.name}" in text
        assert command.summary in text
    assert not {"cyclopts", "rich", "msgspec", "asyncio", "sqlite3"} & set(modules)


def test_version():
    for words in (("--version",), ("version",)):
        code, text, modules = loaded_after(*words)
        assert (code, text) == (0, f"stook {__version__}\n")
        assert "cyclopts" not in modules


@pytest.mark.parametrize("command", SINGLE, ids=lambda command: command.name)
def test_a_commands_help_says_what_the_first_page_says_and_loads_only_itself(command):
    module, name = command.place.split(":")
    function = getattr(importlib.import_module(module), name)
    assert inspect.getdoc(function).splitlines()[0] == command.summary
    code, text, modules = loaded_after(*command.name.split(), "--help")
    assert code == 0
    assert command.summary in text
    assert "--store" in text
    assert not {"asyncio", "sqlite3", "stook.engine.service", "stook.wiring.session", "asyncpg"} & set(modules)


@pytest.mark.parametrize("command", SINGLE, ids=lambda command: command.name)
def test_every_option_is_described(command):
    from stook.cli import app

    found = app
    for name in command.name.split():
        found = found[name]
    for argument in found.assemble_argument_collection():
        if argument.parse:
            assert argument.parameter.help or argument.children, argument.name


def test_completion_can_be_installed(cli):
    cli("--install-completion", "--shell", "bash", "--output", cli.folder / "stook.bash")
    text = (cli.folder / "stook.bash").read_text()
    assert "--retry-failed" in text
    assert "failures" in text
