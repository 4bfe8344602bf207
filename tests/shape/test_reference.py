"""docs/reference.md says what the code says."""

from __future__ import annotations

import ast
import re

import pytest

from stook_dev import reference, reference_api
from tests.shape.tree import ROOT, text_files

HOMES = reference_api.public_homes()


def test_the_page_is_up_to_date():
    assert reference.PAGE.read_text() == reference.render(), "run python -m stook_dev.reference"


@pytest.mark.parametrize("name", sorted(HOMES))
def test_every_public_name_is_documented(name):
    node = reference_api.find(HOMES[name], name).node
    assert not isinstance(node, ast.ClassDef) or ast.get_docstring(node), "no docstring"
    assert f"\n### `{name}`\n" in reference.PAGE.read_text()


def test_a_page_that_lags_behind_is_noticed(tmp_path, monkeypatch, capsys):
    page = tmp_path / "reference.md"
    page.write_text("# Reference\n")
    monkeypatch.setattr(reference, "PAGE", page)
    monkeypatch.setattr("sys.argv", ["reference", "--check"])
    assert reference.main() == 1
    assert "out of date" in capsys.readouterr().err


def pages():
    return {file.relative_to(ROOT).as_posix(): file.read_text() for file in text_files() if file.suffix == ".md"}


def test_examples_are_python_and_use_names_that_exist():
    examples = [
        (name, block)
        for name, text in pages().items()
        for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        if "…" not in block
    ]
    assert examples
    for name, block in examples:
        for node in ast.walk(ast.parse(block, filename=name)):
            if isinstance(node, ast.ImportFrom) and node.module == "stook":
                assert {alias.name for alias in node.names} <= set(HOMES), name


def test_pages_name_files_that_exist():
    path = re.compile(r"(?<![\w/.])((?:docs|scripts|tests|bench|soak|src|stook_dev)/[\w./-]*\w)")
    named = {(name, found) for name, text in pages().items() for found in path.findall(text)}
    assert not [(name, found) for name, found in named if not (ROOT / found).exists()]
