"""When a delivery is tried again."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import ConfigError
from stook.core.webhook_schedule import LONGEST_ASKED, SCHEDULE, check_schedule, next_wait

schedules = st.lists(st.floats(0, 86_400), min_size=1, max_size=20)
draws = st.floats(0, 1, exclude_max=True)


def test_nine_attempts_in_27_hours_and_a_half():
    assert len(SCHEDULE) == 9
    assert round(sum(SCHEDULE) / 3600, 1) == 27.6


@given(schedules, st.integers(1, 25), draws)
def test_each_wait_is_the_schedules_give_or_take_a_fifth(schedule, attempt, draw):
    wait = next_wait(schedule, attempt, None, draw)
    if attempt >= len(schedule):
        assert wait is None
    else:
        assert wait is not None
        assert 0.8 * schedule[attempt] <= wait <= 1.2 * schedule[attempt]


@given(schedules, st.integers(1, 19), draws, st.floats())
def test_who_asks_for_longer_gets_it_up_to_an_hour(schedule, attempt, draw, asked):
    own, wait = next_wait(schedule, attempt, None, draw), next_wait(schedule, attempt, asked, draw)
    if own is None:
        assert wait is None, "asking buys no further attempt"
    else:
        assert wait is not None
        assert wait >= own
        assert wait <= max(own, LONGEST_ASKED)
        if not math.isnan(asked) and asked <= LONGEST_ASKED:
            assert wait >= asked


@pytest.mark.parametrize("wrong", [-2, math.nan, math.inf, 31 * 86_400], ids=str)
def test_what_is_no_wait_is_refused(wrong):
    with pytest.raises(ConfigError, match="is not a number of seconds"):
        check_schedule((1, wrong))


def test_a_schedule_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="0 attempts"):
        check_schedule(())
    with pytest.raises(ConfigError, match="101 attempts"):
        check_schedule((1,) * 101)
