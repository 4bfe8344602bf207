"""How long a caller bears with a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.store.postgres.errors import Cause
from stook.store.postgres.rerun import OUTAGE_SECONDS, Patience

draws = st.floats(0, 1, exclude_max=True)


@given(st.lists(draws, min_size=40, max_size=40))
def test_an_outage_is_waited_out_for_thirty_seconds_in_all(draw):
    patience = Patience()
    delays = [patience.delay(Cause.lost, one) for one in draw]
    waited = [delay for delay in delays if delay is not None]
    assert sum(waited) == pytest.approx(OUTAGE_SECONDS)
    assert delays[-1] is None
    for number, delay in enumerate(waited[:-1]):
        assert 0.0499 * 2**number < delay < 0.1501 * 2**number


@given(st.lists(st.tuples(draws, st.floats(0, 10)), min_size=40, max_size=40))
def test_what_tries_take_is_part_of_it(tries):
    patience, waited = Patience(), 0.0
    for draw, took in tries:
        patience.spend(took)
        delay = patience.delay(Cause.lost, draw)
        if delay is None:
            assert waited + took >= OUTAGE_SECONDS - 0.001
            return
        waited += took + delay
        assert waited <= OUTAGE_SECONDS + 0.001


@given(draws)
def test_clashes_keys_and_texts_have_few_tries_each_of_their_own(draw):
    patience = Patience()
    assert [patience.delay(Cause.taken, draw) for _ in range(4)] == [0, 0, 0, None]
    assert [patience.delay(Cause.text, draw) for _ in range(2)] == [0, None]
    clashes = [patience.delay(Cause.clash, draw) for _ in range(11)]
    assert clashes[10] is None
    assert all(0 <= delay <= 0.2 for delay in clashes[:10])
    assert patience.delay(Cause.lost, draw) is not None
