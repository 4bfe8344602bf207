"""Real processes and databases, few items."""

from __future__ import annotations

import os
import select
import sys

import pytest

from bench import rounds
from bench.budgets import Probe
from bench.rounds import ProbeError, run_rounds

SQLITE = Probe("floors", "storage", "sqlite", 5000, 500, store="sqlite")
POSTGRES = Probe("floors", "worker", "drain_pool", 5000, 500)
ABSENT = Probe("subjects", "stook_elsewhere", "drain", 5000, 500)
WRONG = Probe("floors", "storage", "no_such_mode", 5000, 500, store="none")
# Floors refuse a size that is no multiple of a slice.
FAILING = Probe("floors", "storage", "sqlite", 5000, 501, store="sqlite")


def test_figures_of_all_rounds_and_the_last_words_of_what_failed(postgres_dsn):
    told: list[str] = []
    probes = [SQLITE, POSTGRES, ABSENT, WRONG, FAILING]
    measured = run_rounds(probes, 2, postgres_dsn, quick=True, tell=told.append)
    assert set(measured.figures) == {(SQLITE, "rate"), (POSTGRES, "rate")}
    assert all(0 < spread.low <= spread.high for spread in measured.figures.values())
    assert "there is no bench/subjects/stook_elsewhere.py" in measured.problems[ABSENT]
    assert "no_such_mode" in measured.problems[WRONG]
    assert "501 is no multiple of 500" in measured.problems[FAILING]
    assert len(told) == 2 * 2 + 3, "a probe that failed is not tried again"


WORKER = "import sys, threading; held = open(sys.argv[1], 'w'); held.write('!'); held.flush(); threading.Event().wait()"
HANGING = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"


def test_a_probe_that_hangs_is_ended_with_its_workers(tmp_path, monkeypatch):
    """Its worker holds the writing end of a pipe open: the pipe ends when the worker does."""
    monkeypatch.setattr(rounds, "LIMIT_S", 2)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(ProbeError, match="not done after 2 s"):
        rounds._output([sys.executable, "-c", HANGING, WORKER, str(pipe)], str(tmp_path), os.environ)
    assert os.read(reading, 1) == b"!"
    assert select.select([reading], [], [], 10)[0]
    assert os.read(reading, 1) == b""
    os.close(reading)
