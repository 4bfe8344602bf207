"""What users write is typed for them: a sample of it passes mypy --strict, and its mistakes do not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SAMPLE = Path(__file__).with_name("sample.py")


def test_a_users_file_passes_strict_checks_and_its_mistakes_are_found(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(SAMPLE.read_text() + "\n\nprice.map()\nshout(3)\nClient().webhooks.create(url=1)\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}"]
    done = subprocess.run([*command, SAMPLE, wrong], check=False, capture_output=True, text=True, cwd=tmp_path)
    found = [line for line in done.stdout.splitlines() if "error:" in line]
    assert done.returncode == 1, done.stderr
    assert len(found) == 3, found
    assert all(line.startswith("wrong.py:") for line in found), found
