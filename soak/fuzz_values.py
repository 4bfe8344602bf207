"""Values for what a JSON schema describes: mostly right ones, some at the edge, some wrong in every way we know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

__all__ = ["JUNK", "TEXTS", "Raw", "junk", "text", "value_of", "written"]


class Raw(str):
    """Text that stands in JSON as it is, right or wrong."""

    __slots__ = ()


TEXTS: Final = (
    "",
    " ",
    "a",
    "fuzz",
    "t",
    "default",
    "failed",
    "null",
    "0",
    "-1",
    "1e400",
    "nan",
    "..",
    "../../etc/passwd",
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "😀" * 40,
    "\u0131\u0130ß\u200b\ufeff",
    "x" * 129,
    "x" * 513,
    "y" * 70_000,
    "%00%ff%25",
    "' or 1=1; --",
    "{}",
    "a,b,,c",
    "2026-11-22T08:33:55.123456Z",
    "2026-13-41T99:99:99Z",
    "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00+23:59",
    "01935d7e-7b7e-7000-8a2b-3c4d00000000",
    "\r\nx-injected: 1",
    "http://127.0.0.1:9/hook",
)
JUNK: Final = (
    Raw("null"),
    Raw("true"),
    Raw("[]"),
    Raw("{}"),
    Raw("-0"),
    Raw("-1"),
    Raw("0.5"),
    Raw("1e308"),
    Raw("1e999"),
    Raw("-1e-999"),
    Raw("9" * 20),
    Raw("9" * 400),
    Raw("9" * 5000),
    Raw(str(2**31)),
    Raw(str(2**32)),
    Raw(str(2**53 + 1)),
    Raw(str(2**63)),
    Raw(str(2**64)),
    Raw("NaN"),
    Raw("-Infinity"),
    Raw('"\\ud800"'),
    Raw('"\\u0000"'),
    Raw('"\\x"'),
    Raw("[" * 600 + "]" * 600),
    Raw('{"a":' * 400 + "1" + "}" * 400),
    Raw("[" * 100_000),
    Raw("[1,]"),
    Raw("01"),
    Raw(""),
    Raw('{"a":1,"a":2}'),
)
_PLAIN: Final[dict[Any, tuple[Any, ...]]] = {"boolean": (True, False), "null": (None,)}
_ANY: Final = (1, None, "x", [1], {"a": 1})


def text(dice: random.Random) -> str:
    return dice.choice(TEXTS)


def junk(dice: random.Random) -> Any:
    return dice.choice(JUNK) if dice.random() < 0.7 else text(dice)


def value_of(
    dice: random.Random, schema: Mapping[str, Any], shapes: Mapping[str, Any], wrong: float, known: Mapping[str, Any]
) -> Any:
    """Something that `schema` describes, but for `wrong`: how likely each part of it is something else. `known` holds
    values by field's name that mean something."""
    if dice.random() < wrong:
        return junk(dice)
    while "$ref" in schema:
        schema = shapes[schema["$ref"].rpartition("/")[2]]
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return value_of(dice, dice.choice(options), shapes, wrong, known)
    if "enum" in schema or "const" in schema:
        return dice.choice(schema.get("enum") or [schema["const"]])
    match schema.get("type"):
        case "object":
            return _object(dice, schema, shapes, wrong, known)
        case "array":
            return _array(dice, schema, shapes, wrong, known)
        case "integer" | "number":
            return _number(dice, schema)
        case "string":
            return text(dice)
        case other:
            return dice.choice(_PLAIN.get(other, _ANY))


def _object(
    dice: random.Random, schema: Mapping[str, Any], shapes: Mapping[str, Any], wrong: float, known: Mapping[str, Any]
) -> dict[str, Any]:
    made: dict[str, Any] = {}
    required = set(schema.get("required", ()))
    for name, inside in schema.get("properties", {}).items():
        if (name in required and dice.random() >= wrong / 2) or (name not in required and dice.random() < 0.35):
            if name in known and dice.random() < 0.8:
                made[name] = dice.choice(known[name])
            else:
                made[name] = value_of(dice, inside, shapes, wrong, known)
    if dice.random() < wrong:
        made[text(dice)] = junk(dice)
    return made


def _array(
    dice: random.Random, schema: Mapping[str, Any], shapes: Mapping[str, Any], wrong: float, known: Mapping[str, Any]
) -> list[Any]:
    inside = schema.get("items")
    if not isinstance(inside, dict):
        parts = schema.get("prefixItems") or []
        return [value_of(dice, part, shapes, wrong, known) for part in parts]
    count = max(schema.get("minItems", 0), dice.choice((0, 1, 1, 2, 5)))
    return [value_of(dice, inside, shapes, wrong, known) for _ in range(count)]


def _number(dice: random.Random, schema: Mapping[str, Any]) -> float:
    least: float = schema.get("minimum", schema.get("exclusiveMinimum", -10))
    most: float = schema.get("maximum", schema.get("exclusiveMaximum", 2**31))
    if schema["type"] == "integer":
        return dice.choice((least, least + 1, min(most, least + dice.randint(0, 50)), most, most - 1, most + 1))
    return dice.choice((least, least + 0.001, min(most, least + dice.random() * 10), most, most * 1.01 + 1))


def written(value: Any) -> str:
    """As JSON, with what is raw left as it is. Halves of surrogate pairs are escaped."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(str(name))}:{written(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(written, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return repr(value)


def _quoted(value: str) -> str:
    parts = []
    for letter in value:
        code = ord(letter)
        if letter in '"\\' or code < 0x20 or 0xD800 <= code < 0xE000:
            parts.append(f"\\u{code:04x}")
        else:
            parts.append(letter)
    return f'"{"".join(parts)}"'
