"""Digests of items that were sent: nothing else has the same one, however it was handed over."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stook.core.item_digest import DIGEST_BYTES, item_digests

WORDS = st.text(max_size=4)
ITEMS = st.lists(st.tuples(st.binary(max_size=6), WORDS, st.none() | WORDS), min_size=2, max_size=6)


def digests(items):
    return item_digests([one[0] for one in items], [one[1] for one in items], [one[2] for one in items])


@given(ITEMS, st.integers(0, 6))
def test_digests_are_those_of_the_items_one_by_one(items, cut):
    assert digests(items) == digests(items[:cut]) + digests(items[cut:])
    assert len(digests(items)) == DIGEST_BYTES * len(items)


@given(ITEMS)
def test_only_equal_items_have_equal_digests(items):
    found = {digests([one]): one for one in items}
    assert len(found) == len(set(items))


def test_no_column_is_told_from_one_of_nothing():
    assert item_digests([b"1"], None, None) == item_digests([b"1"], None, [None])
    assert item_digests([b"1"], None, None) != item_digests([b"1"], None, [""])
    assert item_digests([b"1"], ["a"], None) != item_digests([b"1"], None, ["a"])
