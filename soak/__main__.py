"""`python -m soak [--minutes N] [--store URL] [--seed N] [--json] [T1 T1S T2 T3 T4 T5 T6 T7 V1]`.

Exits with 1 if a check fails, with 2 if it could not be looked at.
"""

from __future__ import annotations

import argparse
import sys

from soak.report import as_json, as_lines
from soak.trials import TRIALS, left_out, run_trials
from stook.core.errors import StookError


def main() -> int:
    options = _options()
    for one in left_out(options.ids, store=options.store):
        print(f"{one} needs a server of its own to take down: left out with --store", file=sys.stderr)
    passed = True
    try:
        for trial in run_trials(options.ids, store=options.store, seed=options.seed, seconds=options.minutes * 60):
            passed = passed and trial.passed
            for line in as_json(trial) if options.json else as_lines(trial):
                print(line, flush=True)
    except (StookError, LookupError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if passed else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description=f"Trust budgets: {', '.join(TRIALS)}.")
    parser.add_argument("ids", nargs="*", metavar="ID", help="only these budgets (default: all)")
    parser.add_argument(
        "--minutes",
        type=float,
        default=1.0,
        help="how long T1, T1S, T2, T7 load each database, and schemathesis asks in T6 (default: 1; budgets say 10)",
    )
    parser.add_argument("--store", metavar="URL", help="a store to fill (default: a SQLite file, then a PostgreSQL)")
    parser.add_argument("--seed", type=int, help="repeats what is submitted and broken (default: a new one)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of words")
    options = parser.parse_args()
    options.ids = [one.upper() for one in options.ids] or list(TRIALS)
    if unknown := [one for one in options.ids if one not in TRIALS]:
        parser.error(f"no such budget: {', '.join(unknown)}; there are {', '.join(TRIALS)}")
    if not 0 < options.minutes <= LONGEST:
        parser.error(f"--minutes {options.minutes:g} is not between 0 and {LONGEST}")
    return options


LONGEST = 24 * 60

if __name__ == "__main__":
    sys.exit(main())
