"""The shape of the repository: small files with exact names, and nothing in them that belongs to one machine."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.shape.tree import ROOT, python_files, text_files

LONG: dict[str, str] = {}
"""Files of more than 400 lines, each with its reason. It is empty, and a reason is hard to find."""

MOST, NEVER = 400, 600
VAGUE = {"common", "helper", "helpers", "manager", "managers", "misc", "stuff", "util", "utils"}


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def test_files_are_short():
    lengths = {relative(file): len(file.read_text().splitlines()) for file in python_files()}
    too_long = {name: lines for name, lines in lengths.items() if lines > (NEVER if name in LONG else MOST)}
    assert not too_long, "split by noun"
    assert set(LONG) <= {name for name, lines in lengths.items() if lines > MOST}, (
        "no longer long: take it off the list"
    )


def test_names_say_what_is_inside():
    parts = {
        file: {part for step in Path(relative(file)).parts for part in re.split(r"[_.]", step)} for file in text_files()
    }
    assert not [relative(file) for file, words in parts.items() if words & VAGUE]


def exported(file: Path) -> list[str] | None:
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return ast.literal_eval(node.value)
    return None


def in_order(name: str) -> tuple[int, str]:
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def test_every_module_says_in_order_what_it_offers():
    offers = {
        relative(file): exported(file)
        for file in python_files("src")
        if file.read_text().strip() and file.name != "__main__.py"
    }
    assert not [name for name, names in offers.items() if names is None], "no __all__"
    assert not [name for name, names in offers.items() if names != sorted(names, key=in_order)]


def test_nothing_belongs_to_one_machine():
    machine = re.compile(r"(?<![\w.:/~-])/(?:work|root|home|Users|mnt)/\w+")
    registry = re.compile(r"pypi\.(?:org|python)|pythonhoste[d]|--(?:extra-)?index-ur[l]|registry\.npm")
    places = [
        f"{relative(file)}:{number}: {line.strip()}"
        for file in text_files()
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1)
        if machine.search(line) or registry.search(line)
    ]
    assert not places


def test_changelog_has_a_place_for_the_next_change():
    assert re.search(r"^## Unreleased$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_decisions_are_numbered_without_gap():
    numbers = [int(file.name[:4]) for file in sorted((ROOT / "docs" / "adr").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
