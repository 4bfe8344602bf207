"""scripts/environment says in one line what a machine lacks, before it has changed anything."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.shape.tree import ROOT

NO_PYTHON = "exit 127"
OLD_PYTHON = "exit 1"
NO_ENSUREPIP = f'case "$*" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"'


@pytest.mark.parametrize(
    ("python", "said"),
    [
        (NO_PYTHON, "is not Python 3.11 or newer"),
        (OLD_PYTHON, "is not Python 3.11 or newer"),
        (NO_ENSUREPIP, "apt-get install python3-venv"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_half_made(tmp_path, python, said):
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "environment", tmp_path / "scripts")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\n{python}\n")
    fake.chmod(0o755)
    command = ["bash", str(tmp_path / "scripts" / "environment"), "dev"]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={"PYTHON": str(fake), "PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / ".venv").exists()
