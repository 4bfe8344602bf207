"""What users write is typed for them: a sample of it passes mypy --strict, and its mistakes do not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SAMPLE = Path(__file__).with_name("sample.py")


def checked(file, tmp_path):
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        f"--cache-dir={tmp_path / 'cache'}",
        str(file),
    ]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)


def test_a_users_file_passes_strict_checks(tmp_path):
    done = checked(SAMPLE, tmp_path)
    assert done.returncode == 0, done.stdout


def test_a_users_mistakes_are_found(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(SAMPLE.read_text() + "\n\nprice.map()\nshout(3)\nClient().webhooks.create(url=1)\n")
    found = [line for line in checked(wrong, tmp_path).stdout.splitlines() if "error:" in line]
    assert len(found) == 3, found
