"""`stook demo`: a real batch from start to end."""

from __future__ import annotations

import re
import sqlite3
import sysconfig
from pathlib import Path

import pytest

from stook.cli.demo_task import Measured, Source, measure
from stook.core.states import State


@pytest.mark.timeout(600)
def test_the_demo(cli):
    done = cli("demo", "--store", "demo.db", patience=500)
    library = Path(sysconfig.get_path("stdlib"))
    sources = [
        path
        for path in library.rglob("*.py")
        if not {"site-packages", "dist-packages", "__pycache__"} & set(path.parts)
    ]
    with sqlite3.connect(cli.folder / "demo.db") as connection:
        states = b"".join(content for (content,) in connection.execute("select states from state order by first"))
    assert len(states) == len(sources)
    assert set(states) <= {State.succeeded, State.failed}
    failed = states.count(State.failed)
    assert f"{len(sources) - failed:,} of {len(sources):,} succeeded" in done.stdout
    longest = re.search(r"^ *([\d,]+) +(\w+) +(\S+):(\d+) *$", done.stdout, re.MULTILINE)
    lines, name, place, line = longest.groups()
    assert re.search(rf"def {name}\b", (library / place).read_text().splitlines()[int(line) - 1])
    assert int(lines.replace(",", "")) > 100
    if (library / "test" / "test_ast.py").exists() or (library / "test" / "test_ast").exists():
        assert failed
        assert "SyntaxError" in done.stdout
    # The commands it names do what it says.
    command = re.search(r"^  stook (show .*)$", done.stdout, re.MULTILINE)[1].split()
    assert "standard library" in cli(*command).stdout
    again = cli("demo", "--store", "demo.db")
    assert "nothing that has ended runs again" in again.stderr


def test_its_task_measures(tmp_path):
    file = tmp_path / "some.py"
    file.write_text("def a():\n    pass\n\n\nclass B:\n    async def c(self):\n        x = 1\n        return x\n")
    assert measure(Source(str(file))) == Measured(8, 2, "c", 3, 6)
    file.write_text("x = 1\n")
    assert measure(Source(str(file))) == Measured(1, 0, None, 0, 0)
    file.write_text("def (:\n")
    with pytest.raises(SyntaxError, match=r"this file, line 1"):
        measure(Source(str(file)))
