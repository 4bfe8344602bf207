"""`stook worker module:app`: real processes, real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.cli.conftest import PATIENCE, until

APP = """
import asyncio, contextlib, pathlib
from stook import App

here = pathlib.Path(__file__).parent

@contextlib.asynccontextmanager
async def tools():
    (here / "entered").touch()
    yield {"file": here / "ran"}
    (here / "left").touch()

app = App("orders", context=tools)

@app.task("first")
async def first(item, ctx):
    ctx.file.write_text(str(item))

@app.task("second", queue="mail")
async def second(item, ctx):
    (here / "begun").touch()
    await asyncio.wait_for(ctx.signal.wait(), 60)
    (here / "told").write_text(ctx.signal.reason)
"""


@pytest.fixture
def files(cli):
    cli.write("orders.py", APP)
    return cli.folder


def submit(cli, name):
    code = f"from orders import app, {name}; {name}.submit(5); app.close()"
    subprocess.run([sys.executable, "-c", code], cwd=cli.folder, env=cli.environment, check=True)


def there(file):
    return lambda: file.exists() and (file.name != "ran" or file.read_text())


def test_it_works_for_all_queues_with_the_apps_context(cli, files):
    submit(cli, "first")
    with cli.started("worker", "orders.py:app") as worker:
        until(there(files / "ran"))
        worker.terminate()
        out, said = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0, said
    assert (files / "ran").read_text() == "5"
    assert (files / "left").exists()
    assert "working on first, second" in said
    assert "SIGTERM: stopping" in said
    assert said.rstrip().endswith("stopped")
    assert out == ""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2", "SIGABRT"])
def test_a_signal_stops_it_gracefully_and_more_change_nothing(cli, files, name):
    """The handler is told, and comes to its own end."""
    submit(cli, "second")
    with cli.started("worker", "orders.py:app") as worker:
        until(there(files / "begun"))
        os.kill(worker.pid, signal.SIGPIPE)
        for _ in range(3):
            os.kill(worker.pid, getattr(signal, name))
        _, said = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0, said
    assert (files / "told").read_text() == "shutdown"
    assert said.count("stopping") == 1
    assert "Traceback" not in said


def test_an_output_that_nobody_reads_any_more_stops_it(cli, files):
    submit(cli, "second")
    with cli.started("worker", "orders.py:app") as worker:
        until(there(files / "begun"))
        worker.stdout.close()
        worker.stdout = None
        _, said = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0, said
    assert (files / "told").read_text() == "shutdown"
    assert "EPIPE: stopping" in said


def test_an_app_without_tasks_is_refused(cli):
    cli.write("empty.py", "from stook import App\napp = App('empty')\n")
    assert "'empty' has no task to work on" in cli.fails(2, "worker", "empty.py:app")
