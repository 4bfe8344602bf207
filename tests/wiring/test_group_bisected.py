"""Bisected groups: what a poison item costs, over the database."""

from __future__ import annotations

import math

import pytest

from stook import BatchConfig


@pytest.fixture
def bisected(harness_on_either):
    """Calls of a group of so many, whose handler raises where `raises` says so; and the executions."""

    def run(size, raises, concurrency):
        calls = []

        @harness_on_either.app.task("bisected", batch=BatchConfig(size, 0, on_error="bisect"), max_attempts=1)
        async def handler(numbers: list[int]) -> None:
            calls.append(numbers)
            if raises(numbers):
                raise ValueError(numbers)

        made = handler.sync.invoke_many(range(size))
        harness_on_either.run_until_idle(concurrency=concurrency)
        return calls, [one.sync.status() for one in made]

    return run


@pytest.mark.parametrize("concurrency", [1, 10])
@pytest.mark.parametrize("size", [2, 8, 31])
def test_halves_of_different_groups_never_mix(bisected, size, concurrency):
    calls, infos = bisected(size, lambda numbers: True, concurrency)
    assert len(calls) == 2 * size - 1
    assert all(call == list(range(call[0], call[-1] + 1)) for call in calls)
    assert {(one.state, one.attempts) for one in infos} == {("failed", 1)}


@pytest.mark.parametrize("poison", [0, 7, 15])
def test_a_poison_item_is_found_in_so_many_calls(bisected, poison):
    calls, infos = bisected(16, lambda numbers: poison in numbers, 10)
    assert len(calls) <= 1 + 2 * math.ceil(math.log2(16))
    assert [one.state == "failed" for one in infos] == [number == poison for number in range(16)]
