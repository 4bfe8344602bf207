"""`filters` of a listing: a JSON tree of conditions, as a question that is asked of each execution.

group   {type: "LOGICAL_CONDITION_GROUP", conditions: [...], combinator: "AND" | "OR", negated}
leaf    {type: "LOGICAL_CONDITION", lhs_variable: {type: "STRING", value: <field>}, operator, rhs_variable}
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from stook.server.dialects.vellum.narrowing import ANY, NOTHING_KNOWN, Narrowed, all_of, any_of
from stook.server.dialects.vellum.refused import bad
from stook.server.dialects.vellum.states import Wire

__all__ = ["Facts", "Filter", "Passes", "read_filters"]

_DEEPEST: Final = 20
_MOST: Final = 200
_NUMBERS: Final = 1e15
_Operator = Literal["==", "!=", ">=", "<=", ">", "<"]
_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}

_OPPOSITE: Final[dict[_Operator, _Operator]] = {"==": "!=", "!=": "==", ">=": "<", "<": ">=", "<=": ">", ">": "<="}


class Facts(msgspec.Struct, frozen=True):
    """What may be asked of an execution. `timestamp`: microseconds."""

    timestamp: int
    state: Wire
    execution_id: str
    external_id: str | None


Passes = Callable[[Facts], bool]


class Filter(msgspec.Struct, frozen=True):
    """`ids` and `external_ids`: nothing else can pass."""

    passes: Passes
    narrowed: Narrowed
    ids: frozenset[str] | None = None
    external_ids: frozenset[str] | None = None


class _Variable(msgspec.Struct):
    type: str
    value: Any = None


class _Leaf(msgspec.Struct, tag="LOGICAL_CONDITION"):
    lhs_variable: _Variable
    operator: _Operator
    rhs_variable: _Variable


class _Group(msgspec.Struct, tag="LOGICAL_CONDITION_GROUP"):
    conditions: list[_Leaf | _Group]
    combinator: Literal["AND", "OR"] = "AND"
    negated: bool = False


_decoder: Final = msgspec.json.Decoder(_Leaf | _Group)


def read_filters(text: str | None) -> Filter | None:
    """None: everything passes. 400 for what is no such tree."""
    if text is None or text == "":
        return None
    try:
        tree = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise bad(f"filters: {error}") from None
    passes, narrowed = _Reading().read(tree, 1), _narrowed(tree, negated=False)
    return Filter(passes, narrowed, _named(tree, "execution_id"), _named(tree, "external_id"))


class _Reading:
    def __init__(self) -> None:
        self._seen = 0

    def read(self, tree: _Leaf | _Group, depth: int) -> Passes:
        self._seen += 1
        if depth > _DEEPEST or self._seen > _MOST:
            raise bad(f"filters: more than {_MOST} conditions, or groups more than {_DEEPEST} deep")
        if isinstance(tree, _Leaf):
            return _leaf(tree)
        inside = [self.read(one, depth + 1) for one in tree.conditions]
        joined = all if tree.combinator == "AND" or not inside else any
        negated = tree.negated
        return lambda facts: joined(one(facts) for one in inside) is not negated


def _narrowed(tree: _Leaf | _Group, *, negated: bool) -> Narrowed:
    if isinstance(tree, _Group):
        inside = [_narrowed(one, negated=negated is not tree.negated) for one in tree.conditions]
        both = (tree.combinator == "AND" or not inside) is (negated is tree.negated)
        return all_of(inside) if both else any_of(inside)
    field, value = tree.lhs_variable.value, tree.rhs_variable.value
    if field == "state":
        compare = _OPERATORS[tree.operator]
        return Narrowed(states=frozenset(one for one in ANY if compare(one.value, value) is not negated))
    if field != "timestamp":
        return NOTHING_KNOWN
    at = _moment(value)
    match _OPPOSITE[tree.operator] if negated else tree.operator:
        case "==":
            return Narrowed(since=at, until=at + 1)
        case "!=":
            return NOTHING_KNOWN
        case ">=":
            return Narrowed(since=at)
        case ">":
            return Narrowed(since=at + 1)
        case "<=":
            return Narrowed(until=at + 1)
        case "<":
            return Narrowed(until=at)


def _named(tree: _Leaf | _Group, field: str) -> frozenset[str] | None:
    """What alone `field` can be."""
    if isinstance(tree, _Group):
        if tree.negated or not tree.conditions:
            return None
        inside = [_named(one, field) for one in tree.conditions]
        known = [one for one in inside if one is not None]
        if tree.combinator == "AND":
            return frozenset.intersection(*known) if known else None
        return frozenset().union(*known) if len(known) == len(inside) else None
    value = tree.rhs_variable.value
    if tree.lhs_variable.value != field or tree.operator != "==" or not isinstance(value, str):
        return None
    return frozenset({value})


def _leaf(leaf: _Leaf) -> Passes:
    field, value = leaf.lhs_variable.value, leaf.rhs_variable.value
    if leaf.lhs_variable.type != "STRING":
        raise bad(f"filters: lhs_variable is of type {leaf.lhs_variable.type!r}; it names a field, as a STRING")
    compare = _OPERATORS[leaf.operator]
    match field:
        case "timestamp":
            at = _moment(value)
            return lambda facts: compare(facts.timestamp, at)
        case "state":
            if value not in set(Wire):
                raise bad(f"filters: there is no state {value!r}; known are {', '.join(Wire)}")
            return lambda facts: compare(facts.state.value, value)
        case "execution_id":
            wanted = _text(field, value).lower()
            return lambda facts: compare(facts.execution_id, wanted)
        case "external_id" if value is None:
            if leaf.operator not in ("==", "!="):
                raise bad(f"filters: null is compared with == and !=, not with {leaf.operator}")
            return lambda facts: compare(facts.external_id, None)
        case "external_id":
            text = _text(field, value)
            return lambda facts: (
                leaf.operator == "!=" if facts.external_id is None else compare(facts.external_id, text)
            )
        case _:
            raise bad(f"filters: there is no field {field!r}; known are timestamp, state, execution_id, external_id")


def _text(field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise bad(f"filters: {field} is compared with {value!r}, which is no text")
    return value


def _moment(value: Any) -> int:
    """Microseconds, of ISO text with a zone (UTC where it has none) or of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _NUMBERS:
        return round(value * 1_000_000)
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            read = read if read.tzinfo is not None else read.replace(tzinfo=UTC)
            return round(read.timestamp() * 1_000_000)
    raise bad(f"filters: timestamp is compared with {value!r}, which is no ISO 8601 time")
