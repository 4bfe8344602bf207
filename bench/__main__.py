"""`python -m bench [S1 S3 …] [--quick] [--json] [--peers] [--postgres DSN]`; exits with 1 if a budget falls short."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.budgets import BUDGETS
from bench.databases import DatabaseError, postgres, version
from bench.envs import ENVS, versions_of
from bench.machine import this_machine
from bench.plan import probes_of
from bench.report import as_json, as_markdown, as_table, figures_table
from bench.rounds import Measured, run_rounds
from bench.verdict import Row, judge

if TYPE_CHECKING:
    from rich.table import Table

RESULTS = Path(__file__).parent / "results.md"
ROUNDS, QUICK_ROUNDS = 5, 3


def main() -> int:
    options = _options()
    chosen = [budget for budget in BUDGETS if not options.ids or budget.id in options.ids]
    probes = probes_of(chosen)
    if options.peers:
        probes = tuple(probe for probe in probes if probe.folder != "subjects")
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    try:
        with postgres(options.postgres) as dsn:
            machine = this_machine(version(dsn))
            measured = run_rounds(probes, rounds, dsn, quick=options.quick, tell=_tell)
    except DatabaseError as error:
        _tell(str(error))
        return 2
    if options.peers:
        _print_figures(measured, as_lines=options.json)
        return 1 if measured.problems else 0
    rows = [row for budget in chosen for row in judge(budget, measured.figures)]
    _print_rows(rows, as_lines=options.json)
    if len(chosen) == len(BUDGETS) and not options.quick:
        used = [peer for peer in ENVS if any(probe.subject == peer for probe, _ in measured.figures)]
        RESULTS.write_text(
            as_markdown(
                chosen,
                rows,
                machine=machine,
                versions=[versions_of(peer) for peer in used],
                problems=list(measured.problems.values()),
                rounds=rounds,
            )
        )
        _tell(f"wrote {RESULTS}")
    return 0 if all(row.passed is not False for row in rows) else 1


def _options() -> argparse.Namespace:
    known = [budget.id for budget in BUDGETS]
    parser = argparse.ArgumentParser(prog="python -m bench", description=f"Budgets: {', '.join(known)}.")
    parser.add_argument("ids", nargs="*", metavar="ID", help="only these budgets (default: all)")
    parser.add_argument("--quick", action="store_true", help=f"fewer items, {QUICK_ROUNDS} rounds instead of {ROUNDS}")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    parser.add_argument("--peers", action="store_true", help="measure peers and floors alone; no verdict")
    parser.add_argument("--postgres", metavar="DSN", help="a server to use, as a superuser (default: one of its own)")
    options = parser.parse_args()
    options.ids = [id_.upper() for id_ in options.ids]
    if unknown := [id_ for id_ in options.ids if id_ not in known]:
        parser.error(f"no such budget: {', '.join(unknown)}; there are {', '.join(known)}")
    return options


def _print_rows(rows: list[Row], *, as_lines: bool) -> None:
    if as_lines:
        for row in rows:
            print(as_json(row), flush=True)
    else:
        _print_table(as_table(rows))


def _print_figures(measured: Measured, *, as_lines: bool) -> None:
    if as_lines:
        for (probe, name), spread in measured.figures.items():
            print(as_json(Row("", probe.label, None, name, peer=probe.label, peer_value=spread)), flush=True)
    else:
        _print_table(figures_table(measured.figures))


def _print_table(table: Table) -> None:
    # A log has no edge to fit into.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
