from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stook.core.chunk import item_at, make_chunk, slice_of, starts_of
from stook.core.picks import as_range, pack, pack_durations, remaining, unpack, unpack_durations

ITEMS = st.lists(
    st.sampled_from([b"1", b'"a,b]"', b"[1, 2]", b" null ", b'{"a": "\\""}', b'"\xc3\xa9"']), min_size=1, max_size=40
)
OFFSETS = st.lists(st.integers(0, 511), unique=True).map(sorted)


@given(ITEMS)
def test_every_item_lies_where_the_table_says(items):
    chunk = make_chunk(items)
    starts = starts_of(chunk.starts)
    assert chunk.count == len(items) == len(starts) - 1
    assert [item_at(chunk.payloads, starts, offset) for offset in range(len(items))] == items
    assert starts[-1] == len(chunk.payloads)


@given(ITEMS, st.data())
def test_a_slice_is_the_array_of_its_items_byte_for_byte(items, data):
    chunk = make_chunk(items)
    offsets = data.draw(st.lists(st.integers(0, len(items) - 1), unique=True, min_size=1).map(sorted))
    expected = b"[" + b",".join(items[offset] for offset in offsets) + b"]"
    assert slice_of(chunk.payloads, chunk.starts, offsets) == expected
    lo = data.draw(st.integers(0, len(items) - 1))
    hi = data.draw(st.integers(lo + 1, len(items)))
    expected = b"[" + b",".join(items[lo:hi]) + b"]"
    assert slice_of(chunk.payloads, chunk.starts, range(lo, hi)) == expected


@given(OFFSETS)
def test_picks_come_back_as_they_were(offsets):
    assert list(unpack(pack(offsets))) == offsets
    assert len(pack(offsets)) == 2 * len(offsets)
    assert list(as_range(0, 0, pack(offsets))) == offsets


def test_picks_are_little_endian_on_every_machine():
    assert pack([1, 256]) == b"\x01\x00\x00\x01"
    assert pack_durations([1, 2**24]) == b"\x01\x00\x00\x00\x00\x00\x00\x01"


@given(st.integers(0, 500), st.integers(0, 500))
def test_without_picks_a_set_is_a_range(lo, hi):
    assert as_range(lo, hi, None) == range(lo, hi)


@given(st.lists(st.integers(-(10**12), 10**12)))
def test_durations_are_kept_up_to_seventy_one_minutes(durations):
    expected = [min(max(one, 0), 2**32 - 1) for one in durations]
    assert list(unpack_durations(pack_durations(durations))) == expected


@given(OFFSETS, st.sets(st.integers(0, 511)))
def test_what_remains_keeps_its_order(offsets, gone):
    assert remaining(offsets, gone) == [one for one in offsets if one not in gone]
