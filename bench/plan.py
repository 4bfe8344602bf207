"""Which probes a run takes and in what order, purely."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from bench.budgets import Alike, AtLeast, AtMost, Linear, Reached

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.budgets import Budget, Clause, Probe

__all__ = ["in_round", "probes_of", "size"]


def probes_of(budgets: Iterable[Budget]) -> tuple[Probe, ...]:
    """Each probe once, however many budgets look at it."""
    seen: dict[Probe, None] = {}
    for budget in budgets:
        for clause in budget.clauses:
            seen.update(dict.fromkeys(_of_clause(clause)))
        seen.update(dict.fromkeys(budget.shown))
    return tuple(seen)


def in_round(probes: Sequence[Probe], number: int, rounds: int) -> tuple[Probe, ...]:
    """Every probe once. Each round starts elsewhere, so that nobody always runs first, or after the same neighbour's
    start of the round, while the machine warms up or a disk fills."""
    if not probes:
        return ()
    start = number * max(1, len(probes) // rounds) % len(probes)
    return (*probes[start:], *probes[:start])


def size(probe: Probe, *, quick: bool) -> int:
    return probe.quick if quick else probe.n


def _of_clause(clause: Clause) -> tuple[Probe, ...]:
    match clause:
        case AtLeast():
            return (clause.probe, *clause.peers)
        case AtMost() | Reached() | Linear():
            return (clause.probe,)
        case Alike():
            return clause.probes
        case _:
            assert_never(clause)
