"""Children of the soak: none outlives it, and none ends unnoticed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys

import pytest

from soak.crew import Crew
from soak.lifeline import ORPHANED
from soak.report import Ledger
from stook.config.settings import read_settings
from stook.wiring.session import open_session


@pytest.fixture
def operator(tmp_path):
    """The command of a child that does nothing much, on a store that is there."""
    url = f"sqlite:///{tmp_path / 'stook.db'}"

    async def make():
        async with open_session(read_settings(url=url)):
            pass

    asyncio.run(make())
    return "soak.operator_process", "--url", url, "--project", "p"


@pytest.fixture
def crew(tmp_path):
    folder = tmp_path / "said"
    folder.mkdir()
    with Crew(folder, f"test-{os.getpid()}-{tmp_path.name}") as crew:
        yield crew


def wrong(crew):
    ledger = Ledger()
    crew.told(ledger)
    return [problem for one in ledger.checks.values() for problem in one.problems]


def test_a_child_ends_with_its_parent(operator):
    child = subprocess.Popen([sys.executable, "-m", *operator], stdin=subprocess.PIPE)
    child.stdin.close()  # what the kernel does for a parent that was killed
    assert child.wait(30) == ORPHANED


def test_a_child_ends_gracefully_when_told(crew, operator):
    post = crew.post("operator", *operator)
    asyncio.run(crew.end(["operator"], 30.0))
    assert not post.running
    assert wrong(crew) == []


def test_a_killed_child_is_counted_and_replaced(crew, operator):
    post = crew.post("operator", *operator)
    before = post.child.pid
    crew.kill(post)
    crew.fill(post)
    assert post.running
    assert post.child.pid != before
    assert crew.killed == {"operator": 1}
    assert wrong(crew) == []


def test_a_child_that_ends_by_itself_is_told_with_its_last_words(crew, operator):
    post = crew.post("operator", "soak.operator_process", "--url", "gopher://x", "--project", "p")
    post.child.wait(30)
    crew.look()
    assert crew.ended_by_themselves == 1
    assert any("ended by itself with code 1" in problem and "gopher" in problem for problem in wrong(crew))


def test_a_child_that_does_not_end_says_where_it_stands_and_is_killed(crew, monkeypatch):
    """As a worker whose loop is blocked."""
    code = (
        "import signal\nfrom soak.lifeline import hold, ready\n"
        "hold(); signal.signal(15, lambda *_: None); ready()\nwhile True: pass"
    )
    (crew.folder / "stubborn.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(crew.folder))
    post = crew.post("worker", "stubborn")
    asyncio.run(crew.ready())
    asyncio.run(crew.end(["worker"], 2.0))
    assert not post.running
    assert any("did not end at SIGTERM" in problem and "stubborn.py" in problem for problem in wrong(crew))


def test_nobody_is_left_behind(crew, operator, monkeypatch):
    monkeypatch.setenv("STOOK_SOAK_RUN", crew._mark)
    stray = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert stray.pid in crew.left_behind()
        crew.__exit__(None, None, None)
        assert stray.wait(30) == -signal.SIGKILL
    finally:
        stray.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            stray.kill()
