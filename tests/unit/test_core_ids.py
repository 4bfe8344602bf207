from __future__ import annotations

import random
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import NotFound
from stook.core.ids import BatchIds, batch_of, execution_id, index_of, parse_id

INDEXES = st.integers(0, 2**32 - 1)


@given(st.lists(st.integers(0, 2**48 - 2), min_size=1, max_size=50), st.randoms())
def test_ids_increase_whatever_the_clock_does(times, dice):
    ticks = iter(times)
    ids = BatchIds(lambda: next(ticks), dice.getrandbits)
    made = [ids() for _ in times]
    assert made == sorted(set(made))
    assert all(len(one) == 16 and one[12:] == bytes(4) for one in made)


def test_more_than_a_counter_holds_in_one_millisecond_goes_on_in_the_next():
    ids = BatchIds(lambda: 1000, random.Random(1).getrandbits)
    made = [ids() for _ in range(10_000)]
    assert made == sorted(set(made))


@given(st.integers(0, 2**48 - 1), st.randoms(), INDEXES)
def test_an_execution_is_found_in_its_id(now, dice, index):
    batch = BatchIds(lambda: now, dice.getrandbits)()
    raw = parse_id(execution_id(batch, index))
    assert (batch_of(raw), index_of(raw)) == (batch, index)
    found = uuid.UUID(execution_id(batch, index))
    assert (found.version, found.variant, found.int >> 80) == (7, uuid.RFC_4122, now)


@given(INDEXES, INDEXES)
def test_ids_of_a_batch_sort_as_its_items_do(one, other):
    batch = BatchIds(lambda: 5, random.Random(2).getrandbits)()
    assert (execution_id(batch, one) < execution_id(batch, other)) == (one < other)


@pytest.mark.parametrize(
    "text", ["", "nothing", "0192f0c1-7b7e-7000-8a2b", "zz92f0c1-7b7e-7000-8a2b-3c4d00000000", None, 5, b"x"]
)
def test_what_is_no_id_is_not_there(text):
    with pytest.raises(NotFound):
        parse_id(text)
