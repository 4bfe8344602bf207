"""Tables as Python source."""

from __future__ import annotations

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.row_types import Column, DatabaseType, row_types

TYPES = {
    1: DatabaseType("int4", "b", 0, 0),
    2: DatabaseType("text", "b", 0, 0),
    3: DatabaseType("_text", "b", 0, 2),
    4: DatabaseType("mood", "e", 0, 0, ("fine", "so 'so'")),
    5: DatabaseType("email", "d", 2, 0),
    6: DatabaseType("address", "c", 0, 0),
    7: DatabaseType("jsonb", "b", 0, 0),
    8: DatabaseType("timestamptz", "b", 0, 0),
    9: DatabaseType("_jsonb", "b", 0, 7),
    10: DatabaseType("numeric", "b", 0, 0),
    11: DatabaseType("bool", "b", 0, 0),
}


def made(source):
    found = {}
    exec(compile(source, "types.py", "exec", dont_inherit=True), found)
    return found


@pytest.mark.parametrize(
    ("type_", "nullable", "expected"),
    [
        (1, False, int),
        (1, True, int | None),
        (2, False, str),
        (3, False, list[str | None]),
        (4, False, typing.Literal["fine", "so 'so'"]),
        (4, True, typing.Literal["fine", "so 'so'"] | None),
        (5, True, str | None),
        (6, False, dict[str, typing.Any]),
        (7, True, typing.Any),
        (8, False, str),
        (9, False, list[typing.Any]),
        (10, False, float),
        (11, False, bool),
        (99, False, typing.Any),
    ],
)
def test_a_column_has_the_type_of_its_json(type_, nullable, expected):
    found = made(row_types([Column("public", "orders", "it", type_, nullable)], TYPES))
    assert typing.get_type_hints(found["OrdersRow"]) == {"it": expected}


def test_columns_stand_in_their_order_and_tables_have_names():
    source = row_types(
        [Column("public", "order_items", "id", 1, False), Column("public", "order_items", "note", 2, True)], TYPES
    )
    assert source == (
        '"""Rows of tables, as `OnRow` hands them on. Made by `stook gen types`."""\n\n'
        "from typing import TypedDict\n\n"
        '__all__ = [\n    "OrderItemsRow",\n]\n\n\n'
        "# public.order_items\nclass OrderItemsRow(TypedDict):\n    id: int\n    note: str | None\n"
    )


def test_tables_of_several_schemas_are_told_apart():
    found = made(row_types([Column("public", "a", "id", 1, False), Column("shop", "a", "id", 2, False)], TYPES))
    assert found["__all__"] == ["PublicARow", "ShopARow"]


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, st.sampled_from(sorted(TYPES)), min_size=1), min_size=1))
def test_whatever_things_are_named_it_is_python_that_says_so(tables):
    columns = [
        Column("public", table, column, type_, nullable=False)
        for table, found in tables.items()
        for column, type_ in found.items()
    ]
    module = made(row_types(columns, TYPES))
    assert len(module["__all__"]) == len(set(module["__all__"])) == len(tables)
    said = sorted(sorted(module[name].__annotations__) for name in module["__all__"])
    assert said == sorted(sorted(found) for found in tables.values())
