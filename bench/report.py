"""Rows for people, for programs, and for the record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.budgets import Budget, Probe
    from bench.machine import Machine
    from bench.verdict import Row, Spread

__all__ = ["as_json", "as_markdown", "as_table", "figures_table"]

COLUMNS = ("budget", "measured", "value", "beside", "its value", "ratio", "goal", "")


def as_json(row: Row) -> str:
    return json.dumps(
        {
            "id": row.id,
            "value": _median(row.value),
            "unit": row.unit,
            "peer": row.peer,
            "peer_value": _median(row.peer_value),
            "ratio": row.ratio,
            "goal": row.goal,
            "pass": row.passed,
        },
        ensure_ascii=False,
    )


def as_table(rows: Iterable[Row]) -> Table:
    table = Table(*COLUMNS, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        style = {True: "green", False: "bold red", None: "dim"}[row.passed]
        table.add_row(*_cells(row), style=style)
    return table


def figures_table(figures: Mapping[tuple[Probe, str], Spread]) -> Table:
    """Of a run without a verdict."""
    table = Table("measured", "figure", "value", box=None, header_style="bold", pad_edge=False)
    for (probe, name), spread in figures.items():
        table.add_row(probe.label, name, _spread(spread, ""))
    return table


def as_markdown(
    budgets: Sequence[Budget],
    rows: Sequence[Row],
    *,
    machine: Machine,
    versions: Sequence[str],
    problems: Sequence[str],
    rounds: int,
) -> str:
    """`versions`: of the peers. A row with an empty last cell is there for comparison; nothing is asked of it."""
    lines = [
        "# Benchmark results",
        "",
        f"Written by `python -m bench`: medians of {rounds} interleaved rounds, and from lowest to highest.",
        "",
        *(f"- {line}" for line in machine.lines()),
        *(f"- Peer: {told}" for told in versions),
        "",
    ]
    for budget in budgets:
        lines += [f"## {budget.id}: {budget.what}", "", _line(COLUMNS[1:]), _line(["---"] * (len(COLUMNS) - 1))]
        lines += [_line(_cells(row)[1:]) for row in rows if row.id == budget.id]
        lines += [""]
    if problems:
        lines += ["## Not measured", "", *(f"- {problem}" for problem in problems), ""]
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.id,
        row.label,
        _spread(row.value, row.unit),
        row.peer or "",
        _spread(row.peer_value, row.unit) if row.peer else "",
        f"{row.ratio:.3g} ×" if row.ratio is not None else "",
        row.goal or "",
        {True: "pass", False: "FAIL", None: ""}[row.passed],
    )


def _spread(spread: Spread | None, unit: str) -> str:
    if spread is None:
        return "not measured"
    told = f"{_number(spread.median)} {unit}".strip()
    return told if spread.low == spread.high else f"{told} ({_number(spread.low)} to {_number(spread.high)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _median(spread: Spread | None) -> float | None:
    return None if spread is None else spread.median


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
