"""Reading conditions (`stook.core.when`) that are written as text, in a grammar of their own.

condition  = all { OR all }                      all = part { AND part }
part       = NOT part | ( condition ) | test
test       = operand (= | != | < | <= | > | >=) operand | operand [NOT] IN ( literal, … ) | operand IS [NOT] NULL
operand    = name | NEW.name | OLD.name | literal
literal    = number | 'text' | TRUE | FALSE | NULL         in 'text' a quote is written twice
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NoReturn, cast

import msgspec

from stook.core.errors import ConfigError
from stook.core.when import (
    MOST_DEPTH,
    MOST_VALUES,
    Compare,
    Condition,
    In,
    IsNull,
    Join,
    Name,
    Not,
    Value,
    literal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stook.core.when import Comparison, Node, Operand

__all__ = ["as_condition", "parse"]

MOST_TEXT: Final = 4096
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<text>'(?:[^']|'')*')
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?)
      | (?P<sign><=|>=|!=|=|<|>|\(|\)|,)
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.ASCII,
)
_KEYWORDS: Final = frozenset({"AND", "OR", "NOT", "IN", "IS", "NULL", "TRUE", "FALSE"})
_WORDS: Final = {"NULL": None, "TRUE": True, "FALSE": False}
_COMPARISONS: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})
_GRAMMAR: Final = "like total > 100 AND (status IN ('new', 'open') OR note IS NULL)"


def as_condition(when: str | Condition) -> Condition:
    """`ConfigError` says at which character a text is wrong."""
    if isinstance(when, str):
        return parse(when)
    if isinstance(when, Condition):
        if when.depth() > MOST_DEPTH:
            raise ConfigError(f"when= is nested deeper than {MOST_DEPTH}")
        return when
    raise ConfigError(f"when={when!r} is no condition", hint=f'a text {_GRAMMAR}, or F("total") > 100')


def parse(text: str) -> Condition:
    """`ConfigError` says at which character the text is wrong."""
    if len(text) > MOST_TEXT:
        raise ConfigError(f"when= has {len(text)} characters, at most {MOST_TEXT} are allowed")
    return Condition(_Reader(text).whole())


class _Token(NamedTuple):
    kind: Literal["number", "text", "word", "keyword", "sign", "end"]
    value: Any
    at: int


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        found = self._condition()
        if self._token.kind != "end":
            self._wrong("AND, OR or the end")
        return found

    def _condition(self) -> Node:
        return self._join("or", "OR", lambda: self._join("and", "AND", self._part))

    def _join(self, how: Literal["and", "or"], word: str, read: Callable[[], Node]) -> Node:
        parts = [read()]
        while self._takes("keyword", word):
            parts.append(read())
        return parts[0] if len(parts) == 1 else Join(how, tuple(parts))

    def _part(self) -> Node:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise _error(self._text, self._token.at, f"is nested deeper than {MOST_DEPTH}")
        try:
            if self._takes("keyword", "NOT"):
                return Not(self._part())
            if self._takes("sign", "("):
                inner = self._condition()
                if not self._takes("sign", ")"):
                    self._wrong(")")
                return inner
            return self._test()
        finally:
            self._depth -= 1

    def _test(self) -> Node:
        left = self._operand()
        if self._token.kind == "sign" and self._token.value in _COMPARISONS:
            op = cast("Comparison", self._take().value)
            return Compare(op, left, self._operand())
        if self._takes("keyword", "IS"):
            negated = self._takes("keyword", "NOT")
            if not self._takes("keyword", "NULL"):
                self._wrong("NULL")
            return Not(IsNull(left)) if negated else IsNull(left)
        negated = self._takes("keyword", "NOT")
        if not self._takes("keyword", "IN"):
            self._wrong("IN" if negated else "a comparison (= != < <= > >=), IN or IS")
        found = In(left, tuple(self._values()))
        return Not(found) if negated else found

    def _values(self) -> Iterator[bool | int | float | str | None]:
        if not self._takes("sign", "("):
            self._wrong("( after IN")
        count = 0
        while True:
            at, operand = self._token.at, self._operand()
            if not isinstance(operand, Value):
                raise _error(self._text, at, "expected a literal, IN compares with nothing else")
            count += 1
            if count > MOST_VALUES:
                raise _error(self._text, at, f"IN has more than {MOST_VALUES} values")
            yield operand.value
            if self._takes("sign", ")"):
                return
            if not self._takes("sign", ","):
                self._wrong(", or )")

    def _operand(self) -> Operand:
        token = self._token
        if token.kind in ("number", "text"):
            return Value(self._take().value)
        if token.kind == "keyword" and token.value in _WORDS:
            return Value(_WORDS[self._take().value])
        if token.kind != "word":
            self._wrong("a name or a literal")
        self._take()
        side, dot, name = token.value.partition(".")
        if not dot:
            return Name("name", side)
        match side.upper():
            case "NEW":
                return Name("new", name)
            case "OLD":
                return Name("old", name)
            case _:
                raise _error(self._text, token.at, f"{token.value} is no name: only NEW. and OLD. go before one")

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _takes(self, kind: str, value: str) -> bool:
        there = (self._token.kind, self._token.value) == (kind, value)
        self._next += there
        return there

    def _wrong(self, expected: str) -> NoReturn:
        found = self._token
        shown = "the end" if found.kind == "end" else repr(found.value)
        raise _error(self._text, found.at, f"expected {expected}, found {shown}")


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while True:
        found = _TOKEN.match(text, at)
        if found is None:
            place = len(text) - len(text[at:].lstrip())
            raise _error(text, place, f"{text[place : place + 1]!r} has no meaning here")
        kind = cast("Literal['number', 'text', 'word', 'sign', 'end']", found.lastgroup)
        value, start = found[kind], found.start(kind)
        match kind:
            case "number":
                yield _Token(kind, _number(text, value, start), start)
            case "text":
                yield _Token(kind, value[1:-1].replace("''", "'"), start)
            case "word" if value.upper() in _KEYWORDS:
                yield _Token("keyword", value.upper(), start)
            case "end":
                yield _Token(kind, "", start)
                return
            case _:
                yield _Token(kind, value, start)
        at = found.end()


def _number(text: str, value: str, at: int) -> int | float:
    try:
        return cast("int | float", literal(msgspec.json.decode(value)))
    except (msgspec.DecodeError, ConfigError):
        raise _error(text, at, f"{value} is no number of JSON, or too large") from None


def _error(text: str, at: int, what: str) -> ConfigError:
    shown = text if len(text) <= 120 else f"…{text[max(0, at - 50) : at + 50]}…"  # noqa: PLR2004
    return ConfigError(f"when={shown!r}: at character {at + 1}: {what}", hint=_GRAMMAR)
