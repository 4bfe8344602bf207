"""Proves the trust budgets by breaking things: `python -m soak [--minutes N] [--store URL] [--seed N] [T1 T2 T3 T5]`.

    T1 load + assassin ─┐                          ┌─▶ ledger: what every batch, outcome, event and counter says,
    T2 load + outages  ─┼─▶ processes, journals ───┤            beside what the processes wrote down themselves
    T3 races            │                          └─▶ report: a line per check, JSON lines
    T5 poison          ─┘

    soak/crash_*.py: one verb, killed right before or right after its commit (tests/soak/test_crash_points.py).

Everything is on loopback, below the temporary folder, and ends with the program that started it, however that ends.
"""
