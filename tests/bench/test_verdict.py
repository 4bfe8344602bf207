from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.budgets import Alike, AtLeast, AtMost, Budget, Linear, Probe, Reached
from bench.verdict import Row, Spread, judge

OURS = Probe("subjects", "stook_postgres", "drain", 1000, 100)
BIGGER = Probe("subjects", "stook_postgres", "drain", 9000, 900)
SLOW = Probe("peers", "slow", "drain", 1000, 100)
FAST = Probe("peers", "fast", "drain", 1000, 100)
FLOOR = Probe("floors", "floor", "drain", 1000, 100)


def row(clause: AtLeast | AtMost | Reached | Alike | Linear, **figures: float) -> Row:
    (only,) = rows(clause, {OURS: figures})
    return only


def rows(
    clause: AtLeast | AtMost | Reached | Alike | Linear,
    figures: dict[Probe, dict[str, float]],
    shown: tuple[Probe, ...] = (),
) -> list[Row]:
    measured = {(probe, name): Spread.of([value]) for probe, known in figures.items() for name, value in known.items()}
    return judge(Budget("S0", "", (clause,), shown), measured)


@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_a_spread_lies_between_its_ends(values: list[float]):
    spread = Spread.of(values)
    assert min(values) == spread.low <= spread.median <= spread.high == max(values)


@pytest.mark.parametrize(("ours", "passed"), [(800, True), (799, False)])
def test_a_ratio_is_to_the_fastest_peer(ours: float, passed: bool):
    clause = AtLeast(OURS, (SLOW, FAST), 8)
    (judged,) = rows(clause, {OURS: {"rate": ours}, SLOW: {"rate": 10}, FAST: {"rate": 100}})
    assert (judged.peer, judged.ratio, judged.passed) == ("fast drain", ours / 100, passed)


def test_a_peer_that_could_not_be_measured_gives_no_verdict_in_our_favour():
    (judged,) = rows(AtLeast(OURS, (SLOW, FAST), 8), {OURS: {"rate": 1e9}, SLOW: {"rate": 1}})
    assert judged.passed is False


def test_what_was_not_measured_does_not_pass():
    assert row(AtLeast(OURS, (FAST,), 8), rate=1).passed is False
    assert row(AtMost(OURS, "p50_ms", "ms", 5)).passed is False
    assert row(Alike((OURS, BIGGER), 0.1), rate=1).passed is False
    assert row(Linear(OURS, (2,), 0.9), rate_1=1).passed is False


@pytest.mark.parametrize(("taken", "passed"), [(5, True), (5.1, False)])
def test_at_most_includes_its_limit(taken: float, passed: bool):
    assert row(AtMost(OURS, "p50_ms", "ms", 5), p50_ms=taken).passed is passed


@pytest.mark.parametrize(("rate", "passed"), [(3000, True), (2999, False)])
def test_what_is_to_be_reached_includes_its_limit(rate: float, passed: bool):
    clause = Reached(OURS, "rate", "requests/s", 3000)
    assert row(clause, rate=rate).passed is passed
    assert row(clause).passed is False


@pytest.mark.parametrize(("slower", "passed"), [(90, True), (89, False), (110, True), (112, False)])
def test_alike_looks_both_ways(slower: float, passed: bool):
    (judged,) = rows(Alike((OURS, BIGGER), 0.1), {OURS: {"rate": 100}, BIGGER: {"rate": slower}})
    assert judged.passed is passed


@pytest.mark.parametrize(("rate", "busy", "passed"), [(1800, 0.5, True), (1799, 0.5, False), (1799, 0.95, True)])
def test_workers_need_not_outgrow_the_cores(rate: float, busy: float, passed: bool):
    assert row(Linear(OURS, (2,), 0.9), rate_1=1000, rate_2=rate, busy_2=busy).passed is passed


def test_what_is_shown_is_not_judged():
    judged, floor = rows(
        AtLeast(OURS, (SLOW,), 2), {OURS: {"rate": 4}, SLOW: {"rate": 1}, FLOOR: {"rate": 16}}, shown=(FLOOR,)
    )
    assert judged.passed
    assert (floor.peer, floor.ratio, floor.goal, floor.passed) == ("floor drain", 0.25, None, None)
