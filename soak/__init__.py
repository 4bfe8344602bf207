"""Proves the trust budgets by breaking things: `python -m soak [--minutes N] [--store URL] [--seed N] [ID …]`.

    T1  load + assassin ─┐                          ┌─▶ ledger: what every batch, outcome, event and counter says,
    T1S … with servers   │                          │            beside what the processes wrote down themselves, and
    T2  load + outages   ├─▶ processes, journals ───┤            what followers heard
    T3  races            │                          └─▶ report: a line per check, JSON lines
    T4  cut followers    │
    T5  poison           │
    T6  bad input        │    soak/fuzz*.py: requests by our own hand; soak/document_cases.py: schemathesis
    T7  hosted code      │    as T1S: soak/hosted_*.py
    V1  workflows       ─┘    soak/vellum/: programs for Vellum's own client, which is installed for it

    soak/crash_*.py: one verb, killed right before or right after its commit (tests/soak/test_crash_points.py).
    soak/pipeline.py: a worker of examples/pipeline.py, killed likewise (tests/soak/test_pipeline.py).

Everything is on loopback, below the temporary folder, and ends with the program that started it, however that ends.
"""
