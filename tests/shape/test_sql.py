"""Both drivers speak the same statements, and only those that a verb asks for."""

from __future__ import annotations

import ast
import re

from tests.shape.tree import ROOT

STORE = ROOT / "src" / "stook" / "store"
DRIVERS = ("sqlite", "postgres")
ASKED_BY_NAME = {"All", "Each", "Many", "Run"}


def files(driver, folder):
    return {file.name for file in (STORE / driver / folder).glob("*.sql")}


def test_both_drivers_have_the_same_statements():
    ours, theirs = (files(driver, "sql") for driver in DRIVERS)
    assert ours
    assert ours == theirs


def test_both_drivers_have_the_same_migrations():
    ours, theirs = (files(driver, "migrations") for driver in DRIVERS)
    assert ours
    assert ours == theirs


def asked_for():
    """Names given to a statement, and a pattern for every other text in the store's code: a name may be chosen, or
    put together, before it is used."""
    names, texts_there, patterns = set(), set(), set()
    for file in STORE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=kind), args=[ast.Constant(value=str(name)), *_]) if (
                    kind in ASKED_BY_NAME
                ):
                    names.add(name)
                case ast.Constant(value=str(text)):
                    texts_there.add(text)
                case ast.JoinedStr(values=[ast.Constant(), *_] as parts):
                    texts = (re.escape(part.value) if isinstance(part, ast.Constant) else r"\w+" for part in parts)
                    patterns.add("".join(texts))
    return names, texts_there, patterns


def test_each_shortcut_is_asked_for():
    """PostgreSQL alone has them: no statement costs the other one a round trip."""
    asked = set()
    for file in (STORE / "script").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="Shortcut"), args=[ast.Constant(value=str(name)), *_], keywords=more):
                    asked.add(name)
                    asked |= {one.value.elts[0].value for one in more if one.arg == "again"}
    assert asked == {name.removesuffix(".sql") for name in files("postgres", "shortcuts")}
    assert files("sqlite", "shortcuts") == set()


def test_every_statement_a_verb_asks_for_exists_and_none_is_left_over():
    names, chosen, patterns = asked_for()
    there = {name.removesuffix(".sql") for name in files("sqlite", "sql")}
    assert names - there == set(), "asked for, not written"
    rest = sorted(there - chosen)
    assert [name for name in rest if not any(re.fullmatch(one, name) for one in patterns)] == []
