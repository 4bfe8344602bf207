"""Who watches nothing loads nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

WATCHING = ("opentelemetry", "prometheus_client", "structlog")
WORK = """
import asyncio, sys
from stook import App

app = App("a", store=sys.argv[1])


@app.task
async def double(item: int) -> int:
    return item * 2


with app.working():
    assert double.map([1, 2]).wait(timeout=60).counters.succeeded == 2
    assert double.submit(3).result(timeout=60) == 6
app.close()
"""


def loaded(program, *arguments):
    """Top-level packages that a new interpreter has after it."""
    shown = program + "\nimport json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", shown, *arguments], check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_submitting_and_working_load_no_telemetry(tmp_path):
    assert not loaded(WORK, f"sqlite:///{tmp_path / 'stook.db'}") & set(WATCHING)


def test_the_command_line_loads_none():
    program = "import stook.cli.serve_worker, stook.cli.log_lines, stook.cli.server_log"
    assert not loaded(program) & set(WATCHING)


@pytest.mark.parametrize(
    "module", ["stook.telemetry.tracing", "stook.telemetry.json_lines", "stook.telemetry.exporting"]
)
def test_what_everybody_imports_is_light(module):
    assert not loaded(f"import {module}") & set(WATCHING)


def test_importing_stook_takes_less_than_its_budget():
    """80 ms, of which an idle machine takes a tenth: the best of five says what the code needs."""
    program = "import time; began = time.perf_counter(); import stook; print(time.perf_counter() - began)"

    def took():
        done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
        return float(done.stdout)

    assert min(took() for _ in range(5)) < 0.08
