"""The walk-through and the example do what they say."""

from __future__ import annotations

import csv
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from tests.serving.programs import programs
from tests.shape.tree import ROOT

KEY = "stk_first_" + "4" * 40


@pytest.fixture
def examples(cli):
    for name in ("orders.py", "orders.csv", "over_http.py"):
        shutil.copy(ROOT / "examples" / name, cli.folder)
    return cli


def priced(cli):
    with (cli.folder / "priced.csv").open() as file:
        return [row["state"] for row in csv.DictReader(file)]


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="asks for curl and jq")
def test_the_walk_through_can_be_typed_as_it_stands(examples):
    text = (ROOT / "docs" / "serving.md").read_text()
    block = re.search(r"## A first use\n.*?```bash\n(.*?)```", text, re.DOTALL)[1]
    assert len(block.splitlines()) <= 10
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    (examples.folder / "stook").write_text(f'#!/bin/sh\nexec {sys.executable} -m stook "$@"\n')
    (examples.folder / "stook").chmod(0o755)
    path = f"{examples.folder}:{examples.environment['PATH']}"
    done = subprocess.run(
        ["bash", "-m", "-e", "-c", block.replace("8484", port)],
        cwd=examples.folder,
        env=examples.environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for expected in ('"name":"orders.price"', "event: end", "no rate for XTS", '"secret":"stk_', "stook: stopped"):
        assert expected in done.stdout + done.stderr
    assert (priced(examples).count("succeeded"), priced(examples).count("failed")) == (187, 13)


def test_the_example_over_http(examples):
    with programs(examples) as run:
        up = run.server("up", "orders.py", STOOK_KEY=KEY)
        for _ in range(2):  # the second time it is the same batch
            done = subprocess.run(
                [sys.executable, "over_http.py"],
                cwd=examples.folder,
                env=examples.environment | {"STOOK_SERVER": up.url, "STOOK_KEY": KEY},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.stderr == ""
            assert done.stdout.splitlines()[-1] == "partially_failed: priced.csv"
            assert "   5 × no rate for XTS" in done.stdout
        assert (priced(examples).count("succeeded"), priced(examples).count("failed")) == (187, 13)
        with run.client(up, KEY) as client:
            assert len(client.get("/api/v1/batches").json()["data"]) == 1
        assert up.ended(signal.SIGTERM) == 0
