"""What a batched handler's answer says of each member."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.errors import OptionError
from stook.worker.judgement import judge, judge_batch_error
from stook.worker.words import BatchContractError, BatchError, Broadcast, Fail, RetryAfter

IDS = ["a", "b", "c"]


def judged(answer):
    return judge(answer, 3, lambda: IDS)


def test_none_and_broadcast_are_the_same_for_all():
    assert judged(None) == [None] * 3
    assert judged(Broadcast({"x": 1})) == [{"x": 1}] * 3


def test_lists_and_tuples_go_by_position_and_dicts_by_id():
    assert judged([1, None, 0]) == [1, None, 0]
    assert judged((1, 2, 3)) == [1, 2, 3]
    assert judged({"c": 3, "a": 1, "b": 2}) == [1, 2, 3]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([], "Batch handler returned 0 results but received 3 executions"),
        ([1, 2], "Batch handler returned 2 results but received 3 executions"),
        ([1, 2, 3, 4], "Batch handler returned 4 results but received 3 executions"),
        ("abc", "Batch handler must return a list matching input length: received 3 executions, got str"),
        (iter([1, 2, 3]), "received 3 executions, got list_iterator"),
        (7, "received 3 executions, got int"),
        ({"a": 1, "b": 2}, "it has nothing for c"),
        ({"a": 1, "b": 2, "c": 3, "d": 4}, "it has something for 'd'"),
        ({1: 1, 2: 2, 3: 3}, "it has nothing for a"),
    ],
)
def test_an_answer_that_does_not_fit_says_why(answer, says):
    with pytest.raises(BatchContractError) as caught:
        judged(answer)
    assert str(caught.value).startswith("Batch handler must return a dict") or str(caught.value).endswith(says)
    assert says in str(caught.value)


def test_a_batch_error_names_those_that_failed():
    error = ValueError("x")
    verdicts = judge_batch_error(BatchError({0: error, 2: "in words"}), 3)
    assert verdicts[0] is error
    assert verdicts[1] is None
    assert isinstance(verdicts[2], Fail)
    assert verdicts[2].error == "in words"


@pytest.mark.parametrize("index", [-1, 3, "x", True, None])
def test_a_batch_error_must_name_members(index):
    with pytest.raises(BatchContractError, match="members 0 to 2"):
        judge_batch_error(BatchError({index: ValueError()}), 3)


@given(st.lists(st.none() | st.integers() | st.text(), max_size=20), st.integers(0, 20))
def test_a_list_fits_exactly_when_its_length_does(answer, size):
    if len(answer) == size:
        assert judge(answer, size, list) == answer
    else:
        with pytest.raises(BatchContractError):
            judge(answer, size, list)


def test_a_retry_comes_after_seconds_or_a_timedelta():
    assert (RetryAfter(7).delay, RetryAfter(timedelta(minutes=1)).delay, RetryAfter(0).delay) == (7.0, 60.0, 0.0)


@pytest.mark.parametrize("delay", ["7", -1, None, True, 1e300])
def test_a_retry_after_what_is_no_time_is_refused(delay):
    with pytest.raises(OptionError, match="RetryAfter"):
        RetryAfter(delay)
