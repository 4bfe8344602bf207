"""Tables as Python source: a TypedDict for the row of each, as `OnRow` hands it on.

What a column's type becomes is how PostgreSQL writes it as JSON: numbers are numbers, what JSON has no like of is text.
"""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

__all__ = ["Column", "DatabaseType", "row_types"]

_PLAIN: Final = {
    "bool": "bool",
    "int2": "int",
    "int4": "int",
    "int8": "int",
    "oid": "int",
    "float4": "float",
    "float8": "float",
    "numeric": "float",
    "json": "Any",
    "jsonb": "Any",
}
MOST_LABELS: Final = 40
"""An enum of more is any text."""


class DatabaseType(msgspec.Struct, frozen=True, array_like=True):
    """Of PostgreSQL's catalogue: `kind` is b(ase), c(omposite), d(omain), e(num) or another; `base` is what a domain is
    made of, `element` what an array is; 0: nothing."""

    name: str
    kind: str
    base: int
    element: int
    labels: Sequence[str] = ()


class Column(msgspec.Struct, frozen=True, array_like=True):
    """In the order of the table's columns."""

    schema: str
    table: str
    name: str
    type: int
    """A key of the types."""
    nullable: bool


def row_types(columns: Sequence[Column], types: Mapping[int, DatabaseType]) -> str:
    """A module that stands by itself. Tables of several schemas are named with theirs."""
    tables: dict[tuple[str, str], list[Column]] = {}
    for one in columns:
        tables.setdefault((one.schema, one.table), []).append(one)
    names = _class_names(list(tables))
    said = {key: [(one.name, _of_column(one, types)) for one in found] for key, found in tables.items()}
    blocks = [_class(names[key], key, found) for key, found in said.items()]
    kinds = "\n".join(kind for found in said.values() for _, kind in found)
    imported = ", ".join([*(name for name in ("Any", "Literal") if name in kinds), "TypedDict"])
    exported = "".join(f'    "{name}",\n' for name in sorted(names.values()))
    head = (
        f'"""Rows of tables, as `OnRow` hands them on. Made by `stook gen types`."""\n\nfrom typing import {imported}\n'
    )
    return "\n".join([head, f"__all__ = [\n{exported}]\n", *(f"\n{block}" for block in blocks)])


def _class(name: str, table: tuple[str, str], said: Sequence[tuple[str, str]]) -> str:
    shown = ".".join(table)
    comment = f"# {shown}" if shown.isprintable() else f"# {shown!r}"
    if all(_is_plain(column) for column, _ in said):
        body = "".join(f"    {column}: {kind}\n" for column, kind in said) or "    pass\n"
        return f"{comment}\nclass {name}(TypedDict):\n{body}"
    fields = "".join(f"        {column!r}: {kind},\n" for column, kind in said)
    return f'{comment}\n{name} = TypedDict(\n    "{name}",\n    {{\n{fields}    }},\n)\n'


def _is_plain(name: str) -> bool:
    """Within a class it is a name, and the same one."""
    is_mangled = name.startswith("__") and not name.endswith("__")
    is_itself = unicodedata.normalize("NFKC", name) == name
    return name.isidentifier() and is_itself and not is_mangled and not keyword.iskeyword(name)


def _of_column(one: Column, types: Mapping[int, DatabaseType]) -> str:
    found = _of_type(one.type, types)
    return f"{found} | None" if one.nullable and found != "Any" else found


def _of_type(key: int, types: Mapping[int, DatabaseType]) -> str:
    one = types.get(key)
    if one is None:
        return "Any"
    if one.element:
        member = _of_type(one.element, types)
        # Of any number of dimensions, and any member may be null.
        return f"list[{member}]" if member == "Any" else f"list[{member} | None]"
    match one.kind:
        case "d":
            return _of_type(one.base, types)
        case "c":
            return "dict[str, Any]"
        case "e":
            choice = f"Literal[{', '.join(map(repr, one.labels))}]"
            return choice if 0 < len(one.labels) <= MOST_LABELS else "str"
        case _:
            return _PLAIN.get(one.name, "str")


def _class_names(tables: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Each another's: what differs in the database alone gets a number."""
    several = len({schema for schema, _ in tables}) > 1
    found: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for schema, table in tables:
        base = _camel(f"{schema}_{table}" if several else table) + "Row"
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}{number}"
        taken.add(name)
        found[schema, table] = name
    return found


def _camel(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    words = "".join(one if one != "_" and f"a{one}".isidentifier() else " " for one in text).split()
    name = unicodedata.normalize("NFKC", "".join(word[0].upper() + word[1:] for word in words))
    return name if name.isidentifier() else unicodedata.normalize("NFKC", f"Table{name}")
