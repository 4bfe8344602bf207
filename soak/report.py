"""What a trial found: a line per check, for people or for programs."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["Check", "Ledger", "Trial", "as_json", "as_lines"]

SHOWN: Final = 5
"""Problems of one check that are told; the rest is counted."""


class Check(msgspec.Struct):
    what: str
    looked_at: int = 0
    wrong: int = 0
    problems: list[str] = msgspec.field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.wrong


class Ledger:
    """Checks by name, in the order they were first looked at."""

    def __init__(self) -> None:
        self.checks: dict[str, Check] = {}

    def looked(self, what: str, count: int = 1) -> None:
        self._check(what).looked_at += count

    def wrong(self, what: str, problem: str) -> None:
        check = self._check(what)
        check.wrong += 1
        if len(check.problems) < SHOWN:
            check.problems.append(problem)

    def expect(self, what: str, holds: object, problem: str) -> None:
        """One thing looked at; `problem` says what is wrong unless it `holds`."""
        self.looked(what)
        if not holds:
            self.wrong(what, problem)

    def _check(self, what: str) -> Check:
        found = self.checks.get(what)
        if found is None:
            found = self.checks[what] = Check(what)
        return found


class Trial(msgspec.Struct):
    id: str
    store: str
    """sqlite or postgres."""
    seed: int
    seconds: float = 0.0
    happened: dict[str, int] = msgspec.field(default_factory=dict)
    """What was done and what was broken meanwhile."""
    checks: list[Check] = msgspec.field(default_factory=list)

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(one.passed for one in self.checks)


def as_lines(trial: Trial) -> list[str]:
    happened = ", ".join(f"{count:,} {what}" for what, count in trial.happened.items())
    lines = [f"{trial.id} {trial.store}, seed {trial.seed}, {trial.seconds:.0f} s: {happened}"]
    for one in trial.checks:
        count = f"{one.looked_at:,}" if one.passed else f"{one.wrong:,} of {one.looked_at:,}"
        lines.append(f"  {'PASS' if one.passed else 'FAIL'}  {one.what:<58} {count:>16}")
        lines.extend(f"          {problem}" for problem in one.problems)
    return lines


def as_json(trial: Trial) -> list[str]:
    """One object a line: one for what happened, then one for each check."""
    head = {"id": trial.id, "store": trial.store, "seed": trial.seed}
    told = {"seconds": round(trial.seconds, 1), "pass": trial.passed, "happened": trial.happened}
    rows: list[dict[str, object]] = [head | told]
    rows.extend(
        head
        | {"check": one.what, "looked_at": one.looked_at, "wrong": one.wrong, "pass": one.passed}
        | {"problems": one.problems}
        for one in trial.checks
    )
    return [msgspec.json.encode(row).decode() for row in rows]
