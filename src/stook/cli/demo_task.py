"""The task of `stook demo`: a plain function that a user could have written."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from pathlib import Path

from stook.wiring.app import App

__all__ = ["Measured", "Source", "app", "measure"]

app = App("demo")


@dataclass
class Source:
    path: str


@dataclass
class Measured:
    lines: int
    functions: int
    longest: str | None
    """The name of its longest function."""
    longest_lines: int
    longest_at: int


@app.task("demo.measure", max_attempts=1, timeout=60)
def measure(source: Source) -> Measured:
    """Raises what Python says of a file that it cannot parse."""
    content = Path(source.path).read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old escapes in tests of old escapes
        tree = ast.parse(content, filename="this file")
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    longest = max(functions, key=_length, default=None)
    return Measured(
        lines=content.count(b"\n"),
        functions=len(functions),
        longest=None if longest is None else longest.name,
        longest_lines=0 if longest is None else _length(longest),
        longest_at=0 if longest is None else longest.lineno,
    )


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1
