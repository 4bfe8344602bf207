"""What the reference says of a class: what a user can use, wherever it is written, and nothing else."""

from __future__ import annotations

import ast
import textwrap

import pytest

from stook_dev import reference_api


@pytest.fixture
def described(tmp_path, monkeypatch):
    def describe(code, name="Thing"):
        (tmp_path / "stook").mkdir()
        (tmp_path / "stook" / "inner.py").write_text(textwrap.dedent(code))
        (tmp_path / "stook" / "outer.py").write_text(f"from stook.inner import {name} as Public\n")
        home, node = reference_api.find("stook.outer", "Public")
        assert home == "stook.inner"
        return "\n".join(reference_api.describe_class(home, node))

    monkeypatch.setattr(reference_api, "SOURCE", tmp_path)
    return describe


def test_fields_come_with_type_default_and_words(described):
    page = described('''
        class Thing:
            """A thing."""
            count: int | None = 3
            """How
            many."""
            _secret: int = 1
            code: ClassVar[str] = "x"
    ''')
    assert page.startswith("A thing.\n")
    assert "| `count` | `int \\| None` | `3` | How many. |" in page
    assert "secret" not in page
    assert "code" not in page


def test_methods_are_shown_as_they_are_called(described):
    page = described('''
        class Thing:
            def __init__(self, size: int) -> None: ...
            @overload
            def go(self, far: str) -> int: ...
            def go(self, *, far: bool = True) -> int:
                """Moves."""
            async def wait(self, /, timeout: float | None = None) -> None: ...
            @property
            def name(self) -> str: ...
            @classmethod
            def make(cls, of: str) -> Thing: ...
            def _hidden(self) -> None: ...
            def __repr__(self) -> str: ...
            def __iter__(self) -> Iterator[int]:
                """Each one."""
    ''')
    heads = [line for line in page.splitlines() if line.startswith("- ")]
    assert heads == [
        "- `Thing(size: int)`",
        "- `go(*, far: bool=True) -> int`",
        "- `async wait(timeout: float | None=None) -> None`",
        "- `name: str`",
        "- `Thing.make(of: str) -> Thing`",
        "- `__iter__() -> Iterator[int]`",
    ]
    assert "\n\n  Moves.\n" in page


def test_what_is_inherited_counts_and_what_init_sets(described):
    page = described(
        '''
        class _Base:
            def __init__(self, assignment: object) -> None:
                self.deadline: float = 1.0
                """When it ends."""
            def old(self) -> None: ...
            def both(self) -> int: ...
        class Context(_Base):
            def both(self) -> str: ...
        ''',
        "Context",
    )
    assert "| `deadline` | `float` |  | When it ends. |" in page
    assert "assignment" not in page
    assert [line for line in page.splitlines() if line.startswith("- ")] == ["- `old() -> None`", "- `both() -> str`"]


def test_a_name_that_is_nowhere_is_named():
    with pytest.raises(LookupError, match=r"stook.core.errors has no Nothing"):
        reference_api.find("stook.core.errors", "Nothing")


def test_the_first_sentence_is_one_line():
    node = ast.parse('class A:\n    """One\n    thing. And more.\n\n    Rest."""').body[0]
    assert reference_api.first_sentence(node) == "One thing"
