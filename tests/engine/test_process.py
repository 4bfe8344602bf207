"""Whether a process still lives, told from the mark it left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stook.engine import process

SLEEPER = [sys.executable, "-c", "input()"]


@pytest.fixture
def sleeper():
    with subprocess.Popen(SLEEPER, stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


def test_this_process_lives():
    assert process.is_alive(process.process())
    assert process.process() == process.process(os.getpid())


def test_a_killed_process_does_not(sleeper):
    mark = process.process(sleeper.pid)
    assert process.is_alive(mark)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not process.is_alive(mark)  # a zombie: nobody has asked for its end yet
    sleeper.wait()
    assert not process.is_alive(mark)


def test_a_pid_used_again_is_another_process(sleeper):
    """The mark of one that had this pid before."""
    pid, started = process.process(sleeper.pid).split(":")
    assert process.is_alive(f"{pid}:{started}")
    assert not process.is_alive(f"{pid}:{int(started) - 1}")


def test_a_process_of_somebody_else_is_not_declared_dead(monkeypatch):
    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    assert process.is_alive("1:12345")


def test_the_host_is_one_boot_and_one_namespace():
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert boot in process.host()
    done = subprocess.run(
        [sys.executable, "-c", "from stook.engine.process import host; print(host())"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == process.host()
