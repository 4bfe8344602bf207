"""Figures of all rounds in, rows with a verdict out, purely."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, assert_never

from bench.budgets import Alike, AtLeast, AtMost, Linear, Reached

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.budgets import Budget, Clause, Probe

__all__ = ["Row", "Spread", "judge"]


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over all rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Row:
    """`passed` is None where nothing is asked; False too where something could not be measured."""

    id: str
    label: str
    value: Spread | None
    unit: str
    peer: str | None = None
    peer_value: Spread | None = None
    goal: str | None = None
    passed: bool | None = None

    @property
    def ratio(self) -> float | None:
        if self.value is None or self.peer_value is None or not self.peer_value.median:
            return None
        return self.value.median / self.peer_value.median


def judge(budget: Budget, measured: Mapping[tuple[Probe, str], Spread]) -> list[Row]:
    """A row per clause (`Linear`: per number of workers), then a row per thing shown."""
    rows = [row for clause in budget.clauses for row in _clause(budget.id, clause, measured)]
    return rows + list(_shown(budget, measured))


def _clause(budget: str, clause: Clause, measured: Mapping[tuple[Probe, str], Spread]) -> Iterator[Row]:
    match clause:
        case AtLeast():
            yield _at_least(budget, clause, measured)
        case AtMost():
            value = measured.get((clause.probe, clause.figure))
            yield Row(
                budget,
                f"{clause.probe.label}: {clause.figure}",
                value,
                clause.unit,
                goal=f"≤ {clause.limit:g} {clause.unit}",
                passed=value is not None and value.median <= clause.limit,
            )
        case Reached():
            value = measured.get((clause.probe, clause.figure))
            yield Row(
                budget,
                f"{clause.probe.label}: {clause.figure}",
                value,
                clause.unit,
                goal=f"≥ {clause.limit:g} {clause.unit}",
                passed=value is not None and value.median >= clause.limit,
            )
        case Alike():
            yield _alike(budget, clause, measured)
        case Linear():
            yield from _linear(budget, clause, measured)
        case _:
            assert_never(clause)


def _at_least(budget: str, clause: AtLeast, measured: Mapping[tuple[Probe, str], Spread]) -> Row:
    value = measured.get((clause.probe, clause.figure))
    peers = [(peer, found) for peer in clause.peers if (found := measured.get((peer, clause.figure))) is not None]
    # One of them missing might have been the fastest: no verdict in our favour without it.
    complete = len(peers) == len(clause.peers)
    fastest = max(peers, key=lambda pair: pair[1].median, default=None)
    row = Row(
        budget,
        clause.probe.label if clause.figure == "rate" else f"{clause.probe.label}: {clause.figure}",
        value,
        clause.unit,
        peer=fastest[0].label if fastest else " or ".join(peer.label for peer in clause.peers),
        peer_value=fastest[1] if fastest else None,
        goal=f"≥ {clause.ratio:g} ×",
        passed=False,
    )
    reached = complete and row.ratio is not None and row.ratio >= clause.ratio
    return _with(row, passed=reached)


def _alike(budget: str, clause: Alike, measured: Mapping[tuple[Probe, str], Spread]) -> Row:
    found = [measured[probe, clause.figure] for probe in clause.probes if (probe, clause.figure) in measured]
    value = None
    if len(found) == len(clause.probes):
        medians = [spread.median for spread in found]
        behind = 100 * (1 - min(medians) / max(medians))
        value = Spread(behind, behind, behind)
    sizes = ", ".join(f"{probe.n:,}" for probe in clause.probes)
    return Row(
        budget,
        f"{clause.probes[0].label} at {sizes}: slowest behind fastest",
        value,
        "%",
        goal=f"≤ {100 * clause.within:g} %",
        passed=value is not None and value.median <= 100 * clause.within,
    )


def _linear(budget: str, clause: Linear, measured: Mapping[tuple[Probe, str], Spread]) -> Iterator[Row]:
    one = measured.get((clause.probe, "rate_1"))
    for workers in clause.workers:
        rate = measured.get((clause.probe, f"rate_{workers}"))
        busy = measured.get((clause.probe, f"busy_{workers}"))
        value, passed = None, False
        if one is not None and rate is not None:
            share = rate.median / (workers * one.median)
            value = Spread(share, share, share)
            passed = share >= clause.share or (busy is not None and busy.median >= clause.full)
        yield Row(
            budget,
            f"{clause.probe.label}: {workers} of them",
            value,
            "× linear",
            goal=f"≥ {clause.share:g}, or the cores full",
            passed=passed,
        )


def _shown(budget: Budget, measured: Mapping[tuple[Probe, str], Spread]) -> Iterator[Row]:
    for probe in budget.shown:
        told: set[str] = set()
        for clause in budget.clauses:
            if not isinstance(clause, AtLeast | AtMost | Reached) or clause.figure in told:
                continue
            told.add(clause.figure)
            yield Row(
                budget.id,
                clause.probe.label,
                measured.get((clause.probe, clause.figure)),
                clause.unit,
                peer=probe.label if isinstance(clause, AtLeast) else f"{probe.label}: {clause.figure}",
                peer_value=measured.get((probe, clause.figure)),
            )


def _with(row: Row, *, passed: bool) -> Row:
    return Row(row.id, row.label, row.value, row.unit, row.peer, row.peer_value, row.goal, passed)
