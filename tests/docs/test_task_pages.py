"""Every example of the pages about tasks runs, page by page, and prints what it says."""

from __future__ import annotations

import pytest

from tests.docs.pages import ROOT, examples, run_python, said

PAGES = sorted(f"docs/tasks/{file.name}" for file in (ROOT / "docs" / "tasks").glob("*.md"))


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", [*PAGES, "docs/coming-from.md"])
def test_a_page_runs_from_its_first_line_to_its_last(name, new_module):
    namespace = new_module("page")
    found = examples(name, "python")
    assert found
    for example in found:
        assert run_python(name, example, namespace) == said(example), f"{name}:{example.line}"
