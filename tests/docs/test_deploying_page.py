"""docs/deploying.md names what there is, and its first example runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from stook.core.deployment import MOST_LOSSES
from stook.core.hosted import hosted_queue
from stook.core.hosted_reason import DEPLOYMENT_DELETED
from stook.server.routes import ROUTES
from stook.store.script.deployment_log import MOST_BYTES, MOST_LINES
from stook.wire.deployment import AppVersionQuery, DeploymentLogQuery, DeploymentQuery, DeployQuery
from tests.docs.pages import examples, page

PAGE = "docs/deploying.md"


def test_the_routes_are_those_there_are():
    named = set(re.findall(r"^\| `(\w+ /[^`]*)` \| (\w+) \|", page(PAGE), re.MULTILINE))
    there = {
        (f"{one.method} {one.path.removeprefix('/api/v1')}", one.scope)
        for one in ROUTES
        if re.match(r"/api/v1/(deployments|apps)", one.path)
    }
    assert named == there


@pytest.mark.parametrize("shape", [DeployQuery, DeploymentQuery, DeploymentLogQuery, AppVersionQuery])
def test_every_field_is_named(shape):
    routes = page(PAGE).split("## Routes")[1]
    for field in msgspec.structs.fields(shape):
        assert f"`{field.name}`" in routes


def test_numbers():
    text = page(PAGE)
    assert f"{MOST_LINES:,} lines, or {MOST_BYTES // 2**20} MiB" in text
    assert MOST_LOSSES == 3
    assert "the third that is lost" in text
    assert f"`{DEPLOYMENT_DELETED}`" in text
    assert f"`{hosted_queue('stook', 'APP')}`" in text


@pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl", "jq"))), reason="what the example calls is not here")
def test_the_first_example_runs(tmp_path):
    (code,) = [one.text for one in examples(PAGE, "python") if "app.task" in one.text]
    (lines,) = [one.text for one in examples(PAGE, "bash") if "stook deploy" in one.text]
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "main.py").write_text(code)
    (tmp_path / "tmp").mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STOOK_")} | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "STOOK_HOSTING_FOLDER": str(tmp_path / "hosting"),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    script = lines.replace("stook up ", "stook up --port 0 ").replace(
        "stook watch $TASK", 'stook watch "$TASK" && stook results "$TASK" && stook logs "${TASK%%/*}"'
    )
    script = script.replace("until [ -e up.json ]; do", "while kill -0 $! && [ ! -e up.json ]; do")
    done = subprocess.run(
        ["timeout", "100", "bash", "-e", "-m", "-c", f"trap 'kill $(jobs -p) || true' EXIT\n{script}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert "loading" in done.stderr, done.stderr
    assert '"result":11.9' in done.stdout.replace(" ", ""), done.stdout + done.stderr
    assert '"result":23.8' in done.stdout.replace(" ", "")
    assert re.search(r"Z [0-9a-f-]{36} pricing 2$", done.stdout, re.MULTILINE)
