"""`stook` as people run it: real processes, real files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.cli.warm import warm

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 100.0
"""Seconds until a test gives up waiting. The machine may be busy."""


class Cli:
    """A folder, and `stook` run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STOOK_")}
        (folder / "tmp").mkdir()
        kept.pop("PYTHONUNBUFFERED", None)
        self.environment = kept | {"TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}

    def __call__(self, *words, code=0, stdin=None, prefix=(), patience=PATIENCE, **environment):
        others = "PYTHONPATH" in environment  # which the one that is forked from would not find
        words, environment = [*map(str, words)], self.environment | environment
        if stdin is None and not prefix and not others:
            done = warm().run(words, self.folder, environment, patience)
        else:
            done = subprocess.run(
                [*prefix, sys.executable, "-m", "stook", *words],
                cwd=self.folder,
                env=environment,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                text=True,
                timeout=patience,
                check=False,
            )
        assert code is None or done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def fails(self, code, *words, **how):
        """The one line that says why."""
        done = self(*words, code=code, **how)
        lines = done.stderr.splitlines()
        assert lines, "no word why"
        assert all(line.startswith("stook: ") for line in lines), done.stderr
        return lines[-1].removeprefix("stook: ")

    @contextmanager
    def started(self, *words, prefix=()):
        """A process that is still running; it is gone afterwards."""
        words = [*map(str, words)]
        if prefix:
            process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "stook", *words],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        else:
            process = warm().talk(words, self.folder, self.environment)
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def rows(self, name, count):
        """A JSONL file of rows with an id."""
        path = self.folder / name
        path.write_text("".join(f'{{"id": {number}, "name": "n{number}"}}\n' for number in range(count)))
        return path

    def lines(self, name):
        path = self.folder / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def documents(self, *words, **how):
        """What a command prints with --json."""
        return [json.loads(line) for line in self(*words, "--json", **how).stdout.splitlines()]

    def batch(self, **how):
        """The newest one."""
        return self.documents("batches", "--limit", "1", **how)[0]


def until(condition, what="it"):
    """Looks until `condition` holds."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, f"{what} never came"
        time.sleep(0.01)


@pytest.fixture
def cli(tmp_path):
    return Cli(tmp_path)


@pytest.fixture
def tasks(cli):
    """Tasks in tasks.py: each writes the id of what it runs to ran.txt, so that it shows what ran how often."""
    cli.write(
        "tasks.py",
        """
        import asyncio
        import os
        import time

        from stook import App, FailurePolicy, RetryPolicy

        app = App("tests")
        RAN = os.open("ran.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


        def ran(row):
            os.write(RAN, f"{row['id']}\\n".encode())


        @app.task(max_attempts=1)
        async def double(row: dict) -> int:
            ran(row)
            return row["id"] * 2


        @app.task(max_attempts=1)
        async def odd_fails(row: dict) -> int:
            ran(row)
            if row["id"] % 2 and not os.path.exists("repaired"):
                raise ValueError(f"{row['id']} is odd")
            return row["id"]


        @app.task(max_attempts=1)
        async def slow(row: dict) -> int:
            await asyncio.sleep(0.002)
            ran(row)
            return row["id"]


        @app.task(max_attempts=1, cancel_grace=0.1)
        async def gated(row: dict) -> int:
            # Runs until the file `gate` is there.
            ran(row)
            while not os.path.exists("gate"):
                await asyncio.sleep(0.01)
            return row["id"]


        @app.task(max_attempts=1, failures=FailurePolicy(burst=5))
        async def burns(row: dict) -> int:
            ran(row)
            await asyncio.sleep(0.005)
            if os.path.exists("repaired"):
                return row["id"]
            raise ConnectionError("the service is down")


        @app.task(max_attempts=2, retry=RetryPolicy(backoff="fixed", base=0.05))
        async def second_time(row: dict) -> int:
            ran(row)
            if not os.path.exists(f"tried-{row['id']}"):
                open(f"tried-{row['id']}", "w").close()
                raise OSError("not yet")
            return row["id"]
        """,
    )
    return cli


def ran(cli):
    """The ids of what ran, in order, as often as it did."""
    path = cli.folder / "ran.txt"
    return [int(line) for line in path.read_text().split()] if path.exists() else []
