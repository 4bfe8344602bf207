"""Merging into JSON objects, byte for byte where nothing is changed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.merge_patch import is_object, merge_patch

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.sampled_from("abcé"), some, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from("abcé"), VALUES, max_size=4)


def by_the_book(target, patch):
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = by_the_book(target.get(name), value)
    return target


@given(OBJECTS, OBJECTS)
def test_it_merges_as_the_book_says(document, patch):
    merged = merge_patch(json.dumps(document).encode(), json.dumps(patch, ensure_ascii=False, indent=1).encode())
    assert json.loads(merged) == by_the_book(document, patch)


@pytest.mark.parametrize(
    ("document", "patch", "merged"),
    [
        (b'{"a": 1.50, "b":2}', b'{"b":3}', b'{"a":1.50,"b":3}'),
        (b'{"n":123456789012345678901234567890}', b'{"m":98765432109876543210}', None),
        (b'{"e": 1E400}', b'{"x": {"y": 1e0, "z": null}}', b'{"e":1E400,"x":{"y":1e0}}'),
        (b"{}", b"{}", b"{}"),
    ],
    ids=["spelling", "large numbers", "nested", "nothing"],
)
def test_what_is_not_named_keeps_its_bytes(document, patch, merged):
    assert merge_patch(document, patch) == (merged or document[:-1] + b"," + patch[1:])


@pytest.mark.parametrize(("document", "there"), [(b' {"a":1}', True), (b"[1]", False), (b'"{"', False), (b"1", False)])
def test_objects_are_known(document, there):
    assert is_object(document) is there
