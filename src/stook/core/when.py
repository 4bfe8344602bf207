"""`when=` of a trigger: a condition on a payload, written as text or with `F`, kept as JSON and never as SQL.

    total > 100 AND status IN ('new', 'open')          F("total") > 100
    NEW.status != OLD.status OR OLD.status IS NULL     ~F("note").is_null() & F("status").in_(["new", "open"])

A condition is true, false or unknown, as in SQL: a comparison with NULL, or of things of two kinds (a number and a
text), is unknown, and what is unknown does not hold. Names are the top-level keys of the payload; one that is not there
is NULL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, assert_never

import msgspec

from stook.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Condition", "F", "Operand", "Rows"]

Comparison = Literal["=", "!=", "<", "<=", ">", ">="]
Place = Literal["name", "new", "old"]
MOST_VALUES: Final = 1000
MOST_DEPTH: Final = 64


class Value(msgspec.Struct, frozen=True, tag="value", array_like=True):
    value: bool | int | float | str | None


class Name(msgspec.Struct, frozen=True, tag="name", array_like=True):
    """`new` and `old` are the sides of a row's change; `name` is the payload's own key, of a row the newer side's."""

    place: Place
    name: str


class Compare(msgspec.Struct, frozen=True, tag="compare", array_like=True):
    op: Comparison
    left: Value | Name
    right: Value | Name


class In(msgspec.Struct, frozen=True, tag="in", array_like=True):
    left: Value | Name
    values: tuple[bool | int | float | str | None, ...]


class IsNull(msgspec.Struct, frozen=True, tag="null", array_like=True):
    left: Value | Name


class Not(msgspec.Struct, frozen=True, tag="not", array_like=True):
    part: Node


class Join(msgspec.Struct, frozen=True, tag="join", array_like=True):
    how: Literal["and", "or"]
    parts: tuple[Node, ...]


Operand = Value | Name
Node = Compare | In | IsNull | Not | Join


class Rows(msgspec.Struct, frozen=True):
    """The two sides of a row's change, where a condition speaks of one."""

    new: Mapping[str, Any] | None
    old: Mapping[str, Any] | None


class Condition(msgspec.Struct, frozen=True):
    """Conditions are joined with `&`, `|` and `~`. Made by `F` or `stook.core.when_text.parse`."""

    node: Node

    def holds(self, payload: Any) -> bool:
        """Of an event's payload, any JSON, or of `Rows`."""
        return _holds(self.node, payload) is True

    def encode(self) -> str:
        """As JSON, for `Condition.decode`."""
        return msgspec.json.encode(self.node).decode()

    @classmethod
    def decode(cls, text: str) -> Condition:
        """What `encode` wrote."""
        return cls(_decode(text))

    def places(self) -> frozenset[Place]:
        """Which sides its names speak of."""
        return frozenset(one.place for one in _named(self.node))

    def names(self) -> frozenset[str]:
        """The keys, or columns, it speaks of."""
        return frozenset(one.name for one in _named(self.node))

    def depth(self) -> int:
        return _depth(self.node)

    def __and__(self, other: Condition) -> Condition:
        return self._joined("and", other)

    def __or__(self, other: Condition) -> Condition:
        return self._joined("or", other)

    def __invert__(self) -> Condition:
        return Condition(Not(self.node))

    def __bool__(self) -> bool:
        raise ConfigError("a condition is neither true nor false yet", hint="join conditions with &, | and ~")

    def _joined(self, how: Literal["and", "or"], other: Condition) -> Condition:
        if not isinstance(other, Condition):
            raise ConfigError(f"{other!r} is not a condition", hint='compare something, like F("total") > 100')
        mine = self.node.parts if isinstance(self.node, Join) and self.node.how == how else (self.node,)
        return Condition(Join(how, (*mine, other.node)))


_decode = msgspec.json.Decoder(Node).decode


class F:
    """A name in a condition: `F("total") > 100`, `F("NEW.status") != F("OLD.status")`, `F("status").in_(["new"])`,
    `F("note").is_null()`. Compared are numbers, texts and truth values."""

    __slots__ = ("_name",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        given: object = name
        if not isinstance(given, str) or not given:
            raise ConfigError(f"F({name!r}) names nothing", hint='like F("total")')
        place, dot, rest = name.partition(".")
        sides: dict[str, Place] = {"NEW": "new", "OLD": "old"}
        self._name = Name(sides[place], rest) if dot and rest and place in sides else Name("name", name)

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return self._compared("=", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return self._compared("!=", other)

    def __lt__(self, other: object) -> Condition:
        return self._compared("<", other)

    def __le__(self, other: object) -> Condition:
        return self._compared("<=", other)

    def __gt__(self, other: object) -> Condition:
        return self._compared(">", other)

    def __ge__(self, other: object) -> Condition:
        return self._compared(">=", other)

    def in_(self, values: Iterable[object]) -> Condition:
        if isinstance(values, str | bytes):
            raise ConfigError(f"in_({values!r}) is one value", hint="give a list")
        found = tuple(literal(one) for one in values)
        if not found or len(found) > MOST_VALUES:
            raise ConfigError(f"in_() has {len(found)} values, 1 to {MOST_VALUES} are allowed")
        return Condition(In(self._name, found))

    def is_null(self) -> Condition:
        """Also where there is no such key."""
        return Condition(IsNull(self._name))

    def _compared(self, op: Comparison, other: object) -> Condition:
        if other is None:
            raise ConfigError(f"F(…) {op} None would never hold", hint="F(…).is_null(), or ~F(…).is_null()")
        right = other._name if isinstance(other, F) else Value(literal(other))  # noqa: SLF001 - another of this class
        return Condition(Compare(op, self._name, right))


def literal(value: object) -> bool | int | float | str | None:
    """`ConfigError` for what no condition compares."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    if isinstance(value, float) and value - value == 0:
        return value
    raise ConfigError(f"{value!r} cannot be compared in a condition", hint="a number, a text, a truth value")


def _holds(node: Node, scope: Any) -> bool | None:
    """None: unknown."""
    match node:
        case Compare(op, left, right):
            return _compare(op, _value(left, scope), _value(right, scope))
        case In(left, values):
            found = _value(left, scope)
            return _any([_compare("=", found, one) for one in values])
        case IsNull(left):
            return _value(left, scope) is None
        case Not(part):
            inner = _holds(part, scope)
            return None if inner is None else not inner
        case Join("or", parts):
            return _any([_holds(part, scope) for part in parts])
        case Join(_, parts):
            found = [_holds(part, scope) for part in parts]
            return False if False in found else None if None in found else True
        case unknown:
            assert_never(unknown)


def _any(found: list[bool | None]) -> bool | None:
    return True if True in found else None if None in found else False


def _value(operand: Operand, scope: Any) -> Any:
    if isinstance(operand, Value):
        return operand.value
    side: Any = scope
    if isinstance(scope, Rows):
        sides = {"new": scope.new, "old": scope.old, "name": scope.old if scope.new is None else scope.new}
        side = sides[operand.place]
    elif operand.place == "old":
        return None
    return side.get(operand.name) if isinstance(side, dict) else None


def _compare(op: Comparison, left: Any, right: Any) -> bool | None:
    kind = _kind(left)
    if kind is None or kind != _kind(right):
        return None
    match op:
        case "=":
            return bool(left == right)
        case "!=":
            return bool(left != right)
        case "<" | "<=" | ">" | ">=" if kind == "json":
            return None
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
        case ">=":
            return bool(left >= right)
        case unknown:
            assert_never(unknown)


def _kind(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "json"


def _named(node: Node) -> Iterable[Name]:
    match node:
        case Compare(_, left, right):
            operands: tuple[Operand, ...] = (left, right)
        case In(left, _) | IsNull(left):
            operands = (left,)
        case Not(part):
            yield from _named(part)
            return
        case Join(_, parts):
            for part in parts:
                yield from _named(part)
            return
        case unknown:
            assert_never(unknown)
    yield from (one for one in operands if isinstance(one, Name))


def _depth(node: Node) -> int:
    match node:
        case Not(part):
            return 1 + _depth(part)
        case Join(_, parts):
            return 1 + max(_depth(part) for part in parts)
        case _:
            return 1
