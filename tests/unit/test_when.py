"""Conditions: the same written as text, built by `F`, and stored; true, false and unknown as SQL has it."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stook.core.errors import ConfigError
from stook.core.when import Compare, Condition, F, In, IsNull, Join, Name, Not, Rows, Value
from stook.core.when_text import as_condition, parse

NAMES = ["a", "b", "total", "_x1"]
literals = st.one_of(st.none(), st.integers(-(2**31), 2**31), st.text("ab' ;-", max_size=4), st.booleans())
operands = st.one_of(st.builds(Name, st.just("name"), st.sampled_from(NAMES)), st.builds(Value, literals))
tests = st.one_of(
    st.builds(Compare, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), operands, operands),
    st.builds(In, operands, st.lists(literals, min_size=1, max_size=3).map(tuple)),
    st.builds(IsNull, operands),
)


def _joined(parts):
    return st.builds(Join, st.sampled_from(["and", "or"]), st.lists(parts, min_size=2, max_size=3).map(tuple))


nodes = st.recursive(tests, lambda parts: st.builds(Not, parts) | _joined(parts), max_leaves=8)


def written(node):
    """As text, with every parenthesis."""
    match node:
        case Compare(op, left, right):
            return f"{operand(left)} {op} {operand(right)}"
        case In(left, values):
            return f"{operand(left)} IN ({', '.join(map(literal, values))})"
        case IsNull(left):
            return f"{operand(left)} is null"
        case Not(part):
            return f"NOT ({written(part)})"
        case Join(how, parts):
            return f" {how} ".join(f"({written(part)})" for part in parts)


def operand(one):
    return one.name if isinstance(one, Name) else literal(one.value)


def literal(value):
    if isinstance(value, bool) or value is None:
        return str(value).upper().replace("NONE", "NULL")
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


@given(nodes)
def test_text_says_the_same(node):
    assert parse(written(node)) == Condition(node)


@given(nodes)
def test_what_is_stored_is_read_again(node):
    assert Condition.decode(Condition(node).encode()) == Condition(node)


@given(nodes, st.dictionaries(st.sampled_from(NAMES), st.one_of(st.none(), st.integers(-5, 5))))
@settings(max_examples=200)
def test_sqlite_agrees(node, payload):
    """On numbers and NULL, of which it has the same idea."""

    def plain(one):
        match one:
            case Compare(op, left, right):
                return Compare(op, number(left), number(right))
            case In(left, values):
                return In(number(left), tuple(number(Value(value)).value for value in values))
            case IsNull(left):
                return IsNull(number(left))
            case Not(part):
                return Not(plain(part))
            case Join(how, parts):
                return Join(how, tuple(map(plain, parts)))

    def number(one):
        if isinstance(one, Name) or one.value is None:
            return one
        return Value(len(one.value) if isinstance(one.value, str) else int(one.value))

    made = plain(node)
    columns = ", ".join(f"{literal(payload.get(name))} as {name}" for name in NAMES)
    (row,) = sqlite3.connect(":memory:").execute(f"select {written(made)} from (select {columns})").fetchall()
    assert Condition(made).holds(payload) == bool(row[0])
    assert Condition(Not(made)).holds(payload) == (row[0] == 0)


def test_precedence():
    assert parse("a = 1 OR b = 2 AND NOT a = 3") == (F("a") == 1) | ((F("b") == 2) & ~(F("a") == 3))
    assert parse("a NOT IN (1) and b IS NOT NULL") == ~F("a").in_([1]) & ~F("b").is_null()


@pytest.mark.parametrize(
    ("when", "payload", "holds"),
    [
        ("total > 100", {"total": 100.5}, True),
        ("total > 100", {"total": "101"}, False),
        ("total > 100", {"total": True}, False),
        ("NOT total > 100", {"total": "101"}, False),
        ("total > 100", [1], False),
        ("total = 1", {"total": 1.0}, True),
        ("flag = TRUE", {"flag": 1}, False),
        ("flag = TRUE", {"flag": True}, True),
        ("a = b", {"a": {"x": [1]}, "b": {"x": [1]}}, True),
        ("a < b", {"a": [1], "b": [2]}, False),
        ("a = NULL", {"a": None}, False),
        ("a IS NULL", {}, True),
        ("a IS NULL", "text", True),
        ("a NOT IN (1, NULL)", {"a": 2}, False),
        ("NEW.a = 1", {"a": 1}, True),
        ("OLD.a IS NULL", {"a": 1}, True),
        ("a = 'it''s'", {"a": "it's"}, True),
        ("a = -1.5e2", {"a": -150}, True),
    ],
)
def test_events(when, payload, holds):
    assert parse(when).holds(payload) is holds


def test_rows():
    changed = parse("NEW.status != OLD.status")
    assert changed.holds(Rows({"status": "b"}, {"status": "a"}))
    assert not changed.holds(Rows({"status": "a"}, {"status": "a"}))
    assert not changed.holds(Rows({"status": "a"}, None))
    assert (F("NEW.status") != F("OLD.status")) == changed
    assert parse("status = 'a'").holds(Rows(None, {"status": "a"})), "a row that is deleted has its old side alone"
    assert not parse("status = 'b'").holds(Rows({"status": "a"}, {"status": "b"}))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", 1),
        ("a", 2),
        ("a = ", 5),
        ("a == 1", 4),
        ("a <> 1", 4),
        ("a = 1;", 6),
        ("a = 1 -- b", 7),
        ("a = 1 /* b */", 7),
        ("a.b = 1", 1),
        ("payload.a = 1", 1),
        ("NEW.a.b = 1", 6),
        ("a = 'x", 5),
        ('a = "x"', 5),
        ("(a = 1", 7),
        ("a = 1)", 6),
        ("a in ()", 7),
        ("a in (b)", 7),
        ("a in 1", 6),
        ("a between 1 and 2", 3),
        ("a like 'x'", 3),
        ("pg_sleep(10) = 1", 9),
        ("a = 1 or", 9),
        ("not", 4),
        ("a is 1", 6),
        ("a is not 1", 10),
        ("a = 1e999", 5),
        ("a = 9223372036854775808", 5),
        ("a = 01", 5),
        ("1a = 1", 1),
        ("ä = 1", 1),
        ("a = $1", 5),
        ("a = 1 a", 7),
        ("select = ", 10),
    ],
)
def test_anything_else_is_refused_with_its_place(text, at):
    with pytest.raises(ConfigError, match=rf"at character {at}:"):
        parse(text)


@given(st.text(max_size=40) | st.text("ab=<>!()', 1.NOTINULSEWAR", max_size=40))
@settings(max_examples=300)
def test_no_text_does_anything_but_parse_or_be_refused(text):
    try:
        found = parse(text)
    except ConfigError:
        return
    found.holds({"a": 1})


def test_bounds():
    for text in (
        "(" * 65 + "a = 1" + ")" * 65,
        "not " * 70 + "a = 1",
        f"a in ({', '.join(['1'] * 1001)})",
        "a = 1 " * 1000,
    ):
        with pytest.raises(ConfigError):
            parse(text)
    deep = F("a") == 1
    for _ in range(70):
        deep = ~deep
    with pytest.raises(ConfigError, match="deeper"):
        as_condition(deep)


@pytest.mark.parametrize(
    "made",
    [
        lambda: F(""),
        lambda: F(7),
        lambda: F("a") == None,  # noqa: E711
        lambda: F("a") > [1],
        lambda: F("a") > float("inf"),
        lambda: F("a") > 2**63,
        lambda: F("a").in_([]),
        lambda: F("a").in_("abc"),
        lambda: (F("a") == 1) & True,
        lambda: F("a") == 1 and F("b") == 2,
        lambda: as_condition(7),
        lambda: as_condition(F("a")),
    ],
    ids=range(12),
)
def test_what_cannot_be_built(made):
    with pytest.raises(ConfigError):
        made()
