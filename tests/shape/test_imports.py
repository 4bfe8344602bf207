"""`import stook` costs next to nothing: names come from their rooms when they are asked for."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys

import pytest

import stook
from tests.shape.tree import ROOT, python_files

HEAVY = {"asyncio", "asyncpg", "cyclopts", "msgspec", "multiprocessing", "pyarrow", "rich", "sqlite3", "uvloop"}


def loaded_by(statement):
    """Modules that a new interpreter has after `statement` and had not before."""
    program = (
        f"import sys; had = set(sys.modules); {statement}; import json; print(json.dumps(list(set(sys.modules) - had)))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout))


def test_importing_stook_loads_nothing_heavy():
    loaded = loaded_by("import stook")
    assert "stook" in loaded
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("stook.")} == set()


def test_importing_the_command_line_loads_no_database_driver_and_no_parquet():
    assert not loaded_by("import stook.cli") & {"asyncpg", "pyarrow", "multiprocessing", "uvloop"}


def test_whose_code_runs_is_not_kept_where_nobody_asks():
    """It would cost every execution something."""
    loaded = loaded_by("import stook.cli.worker_tasks, stook.wiring.app, stook.worker.runtime, stook.worker.words")
    assert "stook.worker.logs.tracking" in loaded
    assert "stook.worker.logs.current" not in loaded


@pytest.mark.parametrize("name", sorted(stook._HOME))
def test_every_public_name_is_where_it_is_said_to_be(name):
    assert getattr(stook, name) is getattr(importlib.import_module(stook._HOME[name]), name)


def test_names_for_type_checkers_and_for_run_time_are_the_same():
    tree = ast.parse((ROOT / "src" / "stook" / "__init__.py").read_text())
    for_checkers = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert for_checkers == stook._HOME
    assert sorted([*stook._HOME, "__version__"]) == sorted(stook.__all__) == dir(stook)


def test_no_room_takes_the_way_through_the_package_itself():
    """lint-imports does not look at what `stook` re-exports: going through it would go around the layers."""
    package = ROOT / "src" / "stook"
    for file in python_files("src"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "stook":
                rooms = {alias.name for alias in node.names if alias.name != "__version__"}
                assert all((package / room).is_dir() for room in rooms), file
            if isinstance(node, ast.Import):
                assert "stook" not in [alias.name for alias in node.names], file


def test_a_name_stook_does_not_have_is_refused_as_usual():
    with pytest.raises(AttributeError, match="'stook' has no attribute 'nothing'"):
        stook.nothing  # noqa: B018
