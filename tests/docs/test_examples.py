"""Every example of the README and the guide runs and prints what it says."""

from __future__ import annotations

import json
import logging

import pytest

from tests.docs.pages import examples, run_python, run_shell, said


def test_the_guide_runs_from_its_first_line_to_its_last(place, new_module):
    namespace = new_module("guide")
    for example in examples("docs/guide.md", "python"):
        printed = run_python("docs/guide.md", example, namespace)
        assert printed == said(example), f"docs/guide.md:{example.line}"
    assert (place / "stook.db").exists()


@pytest.mark.usefixtures("place")
def test_the_page_about_logs_runs(new_module):
    root = logging.getLogger()
    before = root.handlers[:]
    try:
        namespace = new_module("logs")
        for example in examples("docs/logs.md", "python"):
            assert run_python("docs/logs.md", example, namespace) == said(example), f"docs/logs.md:{example.line}"
    finally:
        root.handlers[:] = before


def test_the_readme_runs(place, new_module):
    (place / "rows.csv").write_text("order_id,name\n" + "".join(f"{n},ada no. {n}\n" for n in range(200)))
    first, *rest = examples("README.md", "python")
    assert first.file == "orders.py"
    (place / first.file).write_text(first.text)

    (command,) = [
        line for block in examples("README.md", "") for line in block.text.splitlines() if line.startswith("stook run")
    ]
    done = run_shell(command, cwd=place)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (place / "out.jsonl").read_text().splitlines()]
    assert [row["result"]["name"] for row in rows] == [f"Ada No. {n}" for n in range(200)]

    namespace = new_module("readme")
    for example in rest:
        printed = run_python("README.md", example, namespace)
        if "as_completed" in example.text:
            assert len(printed) == 1000
    assert namespace["batch"].show().counters.succeeded == 1000
    app, embed = namespace["app"], namespace["embed"]
    with app.working():
        batch = embed.map(["four", ""])
        batch.wait(timeout=20)
    assert [result.value if result.ok else result.error.message for result in batch.results()] == [
        4,
        "the text is empty",
    ]
    app.close()


def test_the_docstring_of_app_runs(place):
    """What `help(App)` shows."""
    import inspect

    from stook import App

    text = inspect.getdoc(App)
    code = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))
    stub = "async def enrich(row: dict) -> dict: ..."
    assert stub in code
    code = code.replace(stub, "async def enrich(row: dict) -> dict:\n    return row")
    namespace = {"App": App, "__name__": "docstring", "rows": [{"order_id": str(n)} for n in range(10)]}
    exec(code, namespace)
    assert namespace["batch"].show().counters.succeeded == 10
    namespace["app"].close()
