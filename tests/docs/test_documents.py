"""What `--json` prints has the fields that docs/command-line.md lists, in that order."""

from __future__ import annotations

import json
import re

import pytest

from tests.docs.pages import page, run_shell

TASKS = """
from stook import App

app = App("orders")


@app.task(max_attempts=1)
async def enrich(row: dict) -> dict:
    if row["n"] == 1:
        raise ValueError("one is wrong")
    return row
"""


def listed(what):
    """The fields of `- **what**: …`, without what stands in brackets."""
    found = re.search(rf"^- \*\*{what}\*\*: (.*?)\.$", page("docs/command-line.md"), re.MULTILINE | re.DOTALL)
    return re.split(r",\s+", re.sub(r"\s*\([^)]*\)", "", found[1]))


@pytest.fixture(scope="module")
def stook(tmp_path_factory):
    """Runs a line where a batch of two has ended, one of them failed; its first document."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "orders.py").write_text(TASKS)
    (folder / "rows.jsonl").write_text('{"n": 0}\n{"n": 1}\n')

    def first(line):
        done = run_shell(f"stook {line} --store stook.db", cwd=folder)
        assert done.stdout, done.stderr
        return json.loads(done.stdout.splitlines()[0])

    first.run = first("run orders.py:enrich --input rows.jsonl --json")
    return first


def test_a_run(stook):
    row = re.search(r"^\| `run` \| `\{(.*)\}`", page("docs/command-line.md"), re.MULTILINE)
    assert re.findall(r'"(\w+)"', row[1].replace('{"path", "rows"}', "")) == list(stook.run)
    assert list(stook.run["batch"]) == listed("batch")
    assert list(stook.run["failures"][0]) == listed("group")


@pytest.mark.parametrize("line", ["batches", "watch orders.enrich"])
def test_a_batch(stook, line):
    assert list(stook(f"{line} --json")) == listed("batch")


def test_a_batch_with_more(stook):
    assert list(stook("show orders.enrich --json")) == [*listed("batch"), "why", "failures"]


def test_a_group(stook):
    assert list(stook("failures orders.enrich --json")) == listed("group")


def test_an_execution(stook):
    found = stook("failures orders.enrich --traceback --json")
    assert list(found) == listed("execution")
    error = re.search(r"error \(([^)]*)\)\.", page("docs/command-line.md"))
    assert list(found["error"]) == error[1].split(", ")


def test_the_attempts_of_an_execution(stook):
    found = stook("show orders.enrich --item 1 --json")
    row = re.search(r"with `attempts_made`: (.*) \|$", page("docs/command-line.md"), re.MULTILINE)
    assert list(found) == [*listed("execution"), "attempts_made"]
    assert list(found["attempts_made"][0]) == row[1].split(", ")


def test_a_row_of_results(stook):
    row = re.search(r"write rows of (.*?):", page("docs/command-line.md"))
    assert list(stook("results orders.enrich")) == row[1].split(", ")


def test_webhooks(stook):
    endpoint = stook("webhooks add https://hooks.example.com/in --json")
    assert list(endpoint) == [*listed("endpoint"), "secret", "library_secret"]
    for part in ("auth", "breaker"):
        inside = re.search(rf"\b{part} \(([^)]*)\)", page("docs/command-line.md"))[1]
        assert list(endpoint[part]) == re.split(r",\s+", inside)
    assert list(stook("webhooks list --json")) == listed("endpoint")
    sent = stook(f"webhooks test {endpoint['id']} --json")
    assert list(sent) == ["delivery"]
    assert list(stook("webhooks deliveries --json")) == listed("delivery")
    found = stook(f"webhooks delivery {sent['delivery']} --json")
    assert list(found) == [*listed("delivery"), "body", "attempts_made"]


def test_a_finding(stook):
    assert list(stook("doctor --json")) == ["check", "verdict", "text"]
    assert '`{"check", "verdict": ' in page("docs/command-line.md")
