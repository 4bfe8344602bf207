from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.budgets import BUDGETS
from bench.plan import in_round, probes_of

PROBES = probes_of(BUDGETS)


def test_a_probe_of_several_budgets_is_measured_once():
    names = [(probe.folder, probe.subject, probe.mode, probe.n, probe.store) for probe in PROBES]
    assert len(names) == len(set(names))
    one_after_the_other = [probe for budget in BUDGETS for probe in probes_of([budget])]
    assert len(one_after_the_other) > len(PROBES)
    assert set(one_after_the_other) == set(PROBES)


@given(st.integers(1, len(PROBES)), st.integers(1, 9))
def test_a_round_runs_each_probe_once_and_rounds_start_apart(count: int, rounds: int):
    probes = PROBES[:count]
    orders = [in_round(probes, number, rounds) for number in range(rounds)]
    assert all(sorted(order, key=PROBES.index) == list(probes) for order in orders)
    assert len({order[0] for order in orders}) == min(count, rounds)


def test_an_empty_run_has_empty_rounds():
    assert in_round((), 0, 3) == ()
