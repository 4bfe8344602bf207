"""A run that leaves items out for their keys goes on at the right item, too."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import ran, until

COUNT = 150_000


@pytest.mark.parametrize("kept", ["first", "last"])
def test_killed_while_items_are_still_coming_in(tasks, kept):
    """Of each three lines, the third has the key of the first."""
    rows = [{"id": number, "key": number - 2 if number % 3 == 2 else number} for number in range(COUNT)]
    tasks.write("in.jsonl", "\n".join(map(json.dumps, rows)))
    chosen = [number for number in range(COUNT) if number % 3 != (2 if kept == "first" else 0)]
    options = ("--key", "key", "--duplicates", kept, "--output", "out.jsonl", "-c", "50", "--name", "big")
    command = ("run", "tasks.py:double", "--input", "in.jsonl", *options)
    with tasks.started(*command) as process:
        until(lambda: ran(tasks), "the first execution")
        process.kill()
    before = tasks.batch()
    assert before["state"] == "open"
    assert 0 < before["total"] < len(chosen)
    assert "goes on" in tasks(*command).stderr
    assert [row["result"] for row in tasks.lines("out.jsonl")] == [2 * number for number in chosen]
