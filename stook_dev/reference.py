"""docs/reference.md, made from the code: `python -m stook_dev.reference` writes it, `--check` only compares."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from pathlib import Path

from stook_dev import reference_api as api

__all__ = ["main", "render"]

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"

_HEAD = """\
# Reference

Generated from the code by `python -m stook_dev.reference`; edit the docstrings instead.
"""


def render() -> str:
    parts = [_HEAD, *_python(), *_commands(), *_settings(), *_errors()]
    return "\n".join(parts).rstrip() + "\n"


def main() -> int:
    text = render()
    if "--check" not in sys.argv:
        PAGE.write_text(text)
        return 0
    if PAGE.exists() and PAGE.read_text() == text:
        return 0
    print("docs/reference.md is out of date: run python -m stook_dev.reference", file=sys.stderr)
    return 1


def _python() -> list[str]:
    lines = ["## Python", "", "```python", "from stook import …", "```", ""]
    for name, module in sorted(api.public_homes().items()):
        lines += [f"### `{name}`", ""]
        home, node = api.find(module, name)
        lines += api.describe_class(home, node) if isinstance(node, ast.ClassDef) else [f"`{ast.unparse(node)}`", ""]
    return lines


def _commands() -> list[str]:
    # Usage lines begin with how this program was started; they shall say how a user starts theirs.
    started, sys.argv = sys.argv, ["stook"]
    try:
        commands = importlib.import_module("stook.cli").app
        text: str = commands.generate_docs(heading_level=3, include_hidden=False, flatten_commands=True)
    finally:
        sys.argv = started
    return ["## Command line", "", text.strip(), ""]


def _settings() -> list[str]:
    lines = ["## Settings", ""]
    for name in api.public_names("stook.config.settings"):
        home, node = api.find("stook.config.settings", name)
        if isinstance(node, ast.ClassDef):
            lines += [f"### `{name}`", "", *api.describe_class(home, node)]
    return lines


def _errors() -> list[str]:
    """What each means is said in the module's drawn tree, or by the class."""
    module = "stook.core.errors"
    meanings = dict(re.findall(r"[├└]── (\w+) {2,}(.+)", api.module_doc(module)))
    lines = ["## Errors", "", "Every error is a `StookError`, with a `code` that never changes.", ""]
    lines += ["| code | class | is a | |", "|---|---|---|---|"]
    for name in api.public_names(module):
        node = api.find(module, name).node
        if isinstance(node, ast.ClassDef):
            bases = ", ".join(f"`{ast.unparse(base)}`" for base in node.bases)
            meaning = meanings.get(name) or api.first_sentence(node)
            lines.append(f"| `{_code(node)}` | `{name}` | {bases} | {meaning} |")
    return [*lines, ""]


def _code(node: ast.ClassDef) -> str:
    for part in node.body:
        target = (
            part.target
            if isinstance(part, ast.AnnAssign)
            else part.targets[0]
            if isinstance(part, ast.Assign)
            else None
        )
        if isinstance(target, ast.Name) and target.id == "code" and isinstance(part, ast.AnnAssign | ast.Assign):
            return str(ast.literal_eval(part.value)) if part.value is not None else ""
    return ""


if __name__ == "__main__":
    sys.exit(main())
