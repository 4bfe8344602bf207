"""The pages' examples, taken out and run."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["ROOT", "Example", "examples", "page", "run_python", "run_shell", "said"]

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SAID = re.compile(r"# → (.*)$", re.MULTILINE)
_FILE = re.compile(r"\A# (\w+\.py)\n")


class Example(NamedTuple):
    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The file it stands for, if its first line names one."""
        found = _FILE.match(self.text)
        return None if found is None else found[1]


def page(name: str) -> str:
    return (ROOT / name).read_text()


def examples(name: str, language: str) -> list[Example]:
    text = page(name)
    return [
        Example(found[1], found[2], text.count("\n", 0, found.start()) + 1)
        for found in _BLOCK.finditer(text)
        if found[1] == language
    ]


def said(example: Example) -> list[str]:
    """What it promises to print."""
    return _SAID.findall(example.text)


def run_python(name: str, example: Example, namespace: dict[str, Any]) -> list[str]:
    """Lines it prints. Its line numbers are those of the page."""
    code = compile("\n" * example.line + example.text, str(ROOT / name), "exec", dont_inherit=True)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, namespace)
    return printed.getvalue().splitlines()


def run_shell(command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A line that begins with `stook`."""
    words = command.split()
    assert words[0] == "stook"
    return subprocess.run(
        [sys.executable, "-m", "stook", *words[1:]], check=False, capture_output=True, text=True, timeout=60, **options
    )
