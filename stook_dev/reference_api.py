"""Public classes as Markdown, read from their source: nothing is imported, so the text is the same everywhere."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["describe_class", "find", "first_sentence", "module_doc", "public_homes", "public_names"]

SOURCE = Path(__file__).parents[1] / "src"

_GIVEN = {
    "AsyncBatch",
    "AsyncWebhooks",
    "Batch",
    "BatchContext",
    "Context",
    "Event",
    "SyncBatchContext",
    "SyncContext",
    "Webhooks",
}
"""Users are given these; how they are made is not for them."""

_SPOKEN = {"__aiter__", "__aenter__", "__call__", "__enter__", "__iter__", "__len__"}
"""Methods with underscores that users do use, by other means than their name."""

_Method = ast.FunctionDef | ast.AsyncFunctionDef


class Found(NamedTuple):
    module: str
    node: ast.stmt


def public_homes() -> dict[str, str]:
    """Name → module, of everything `stook/__init__.py` re-exports."""
    for node in _parse("stook").body:
        if isinstance(node, ast.Assign) and _target(node) == "_HOME":
            homes: dict[str, str] = ast.literal_eval(node.value)
            return homes
    raise LookupError("stook/__init__.py has no _HOME")


def public_names(module: str) -> list[str]:
    for node in _parse(module).body:
        if isinstance(node, ast.Assign) and _target(node) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []


def find(module: str, name: str) -> Found:
    """Where `name` is really made: imports from other modules of stook are followed."""
    for node in _parse(module).body:
        if isinstance(node, ast.ClassDef | _Method) and node.name == name:
            return Found(module, node)
        if isinstance(node, ast.Assign | ast.AnnAssign) and _target(node) == name:
            return Found(module, node)
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("stook"):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return find(node.module, alias.name)
    raise LookupError(f"{module} has no {name}")


def describe_class(module: str, node: ast.ClassDef) -> list[str]:
    """Its docstring, then attributes and methods with theirs, inherited ones too. Names with a leading underscore are
    nobody's business."""
    fields: dict[str, str] = {}
    methods: dict[str, list[str]] = {}
    for part, after in _members(module, node):
        field = _field(part, after)
        if field is not None:
            fields[field[0]] = field[1]
        if not isinstance(part, _Method):
            continue
        if part.name == "__init__":
            fields |= dict(_assigned(part, own=node.name in _GIVEN))
        if _is_public(part, node.name):
            said = [f"  {line}" if line else "" for line in _doc(part)]
            methods[part.name] = [f"- {_heading(part, node.name)}", *([""] if said else []), *said]
    lines = _doc(node)
    if fields:
        lines += ["| attribute | type | default | |", "|---|---|---|---|", *fields.values(), ""]
    for method in methods.values():
        lines += method
    return [*lines, ""] if lines and lines[-1] else lines


def module_doc(module: str) -> str:
    return ast.get_docstring(_parse(module)) or ""


def first_sentence(node: ast.stmt) -> str:
    text = " ".join(_text(node).split("\n\n", 1)[0].split())
    return text.split(". ", 1)[0].rstrip(".")


def _parse(module: str) -> ast.Module:
    path = SOURCE.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(), filename=str(file))


def _target(node: ast.Assign | ast.AnnAssign) -> str | None:
    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    return target.id if isinstance(target, ast.Name) else None


def _text(node: ast.stmt) -> str:
    if isinstance(node, ast.ClassDef | _Method):
        return ast.get_docstring(node) or ""
    return ""


def _doc(node: ast.stmt) -> list[str]:
    text = _text(node)
    return [*text.splitlines(), ""] if text else []


def _members(module: str, node: ast.ClassDef) -> Iterator[tuple[ast.stmt, ast.stmt | None]]:
    """Each statement of the class's body with the one after it, those of its bases within stook first."""
    for base in node.bases:
        try:
            found = find(module, ast.unparse(base).split("[", 1)[0])
        except LookupError:
            continue
        if isinstance(found.node, ast.ClassDef):
            yield from _members(found.module, found.node)
    yield from pairwise([*node.body, None])


def _is_public(node: _Method, owner: str) -> bool:
    if any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in node.decorator_list):
        return False
    if node.name == "__init__":
        return owner not in _GIVEN
    return not node.name.startswith("_") or (node.name in _SPOKEN and bool(_text(node)))


def _heading(node: _Method, owner: str) -> str:
    marks = {mark.id for mark in node.decorator_list if isinstance(mark, ast.Name)}
    returns = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    if marks & {"property", "cached_property"}:
        return f"`{node.name}{returns.replace(' ->', ':')}`"
    if "staticmethod" not in marks:
        leading = node.args.posonlyargs or node.args.args
        del leading[0]
    arguments = ast.unparse(node.args).removeprefix("/, ")
    name = owner if node.name == "__init__" else f"{owner}.{node.name}" if "classmethod" in marks else node.name
    spoken = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    return f"`{spoken}{name}({arguments}){'' if node.name == '__init__' else returns}`"


def _field(part: ast.stmt, after: ast.stmt | None) -> tuple[str, str] | None:
    if not isinstance(part, ast.AnnAssign) or not isinstance(part.target, ast.Name):
        return None
    kind = ast.unparse(part.annotation)
    if part.target.id.startswith("_") or kind.startswith("ClassVar"):
        return None
    default = "" if part.value is None else ast.unparse(part.value)
    return part.target.id, _row(part.target.id, kind, default, after)


def _assigned(init: _Method, *, own: bool) -> Iterator[tuple[str, str]]:
    """Attributes that `__init__` sets; `own`: also those it was given, where nobody but stook calls it."""
    given = set() if own else {argument.arg for argument in (*init.args.args, *init.args.kwonlyargs)}
    for part, after in pairwise([*init.body, None]):
        target = (
            part.target
            if isinstance(part, ast.AnnAssign)
            else part.targets[0]
            if isinstance(part, ast.Assign)
            else None
        )
        if isinstance(target, ast.Attribute) and not target.attr.startswith("_") and target.attr not in given:
            kind = ast.unparse(part.annotation) if isinstance(part, ast.AnnAssign) else ""
            yield target.attr, _row(target.attr, kind, "", after)


def _row(name: str, kind: str, default: str, after: ast.stmt | None) -> str:
    said = ""
    if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
        said = " ".join(inspect.cleandoc(after.value.value).split())
    cells = [f"`{name}`", f"`{kind}`" if kind else "", f"`{default}`" if default else "", said]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
