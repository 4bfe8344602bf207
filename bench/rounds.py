"""Runs the probes, round after round, each in a process and on a database of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from bench.databases import fresh_database
from bench.envs import EnvError, python_of
from bench.plan import in_round, size
from bench.verdict import Spread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.budgets import Probe

__all__ = ["Measured", "ProbeError", "run_rounds"]

HERE = Path(__file__).parent
LIMIT_S = 300


class ProbeError(Exception):
    """A probe that gave no figures; the message holds its own last words."""


@dataclass(slots=True)
class Measured:
    """`problems`: a line per probe that failed, in any round."""

    figures: dict[tuple[Probe, str], Spread] = field(default_factory=dict)
    problems: dict[Probe, str] = field(default_factory=dict)


def run_rounds(probes: Sequence[Probe], rounds: int, dsn: str, *, quick: bool, tell: Callable[[str], None]) -> Measured:
    """A probe that fails is not tried again: it would fail in every round, and slow them down."""
    values: dict[tuple[Probe, str], list[float]] = defaultdict(list)
    measured = Measured()
    for number in range(rounds):
        for probe in in_round(probes, number, rounds):
            if probe in measured.problems:
                continue
            n = size(probe, quick=quick)
            try:
                figures = _run(probe, n, dsn)
            except (ProbeError, EnvError) as error:
                measured.problems[probe] = f"{probe.label}: {error}"
                tell(measured.problems[probe])
                continue
            for name, value in figures.items():
                values[probe, name].append(value)
            told = ", ".join(f"{name} {value:,.4g}" for name, value in figures.items())
            tell(f"round {number + 1}/{rounds}  {probe.label}, {n:,}: {told}")
    measured.figures = {key: Spread.of(found) for key, found in values.items()}
    return measured


def _run(probe: Probe, n: int, dsn: str) -> dict[str, float]:
    script = HERE / probe.folder / f"{probe.subject}.py"
    if not script.exists():
        raise ProbeError(f"there is no {script.relative_to(HERE.parent)}")
    python = str(python_of(probe.subject)) if probe.folder == "peers" else sys.executable
    with ExitStack() as stack:
        target = _target(probe, dsn, stack)
        # -P: a script named like the package it measures must not be found in its place.
        command = [python, "-P", str(script), probe.mode, "--target", target, "--n", str(n)]
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="stook-bench-"))
        paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        return _figures(_output(command, scratch, environment))


def _output(command: Sequence[str], folder: str, environment: Mapping[str, str]) -> str:
    """A process group of its own: one that hangs, or is interrupted, takes its workers along."""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment,
        start_new_session=True,
    ) as child:
        try:
            out, err = child.communicate(timeout=LIMIT_S)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise ProbeError(f"not done after {LIMIT_S} s") from None
            raise
    if child.returncode:
        raise ProbeError(f"exit code {child.returncode}: {_last_line(err)}")
    return out


def _target(probe: Probe, dsn: str, stack: ExitStack) -> str:
    match probe.store:
        case "postgres":
            return stack.enter_context(fresh_database(dsn, f"bench_{probe.subject}_{probe.mode}"))
        case "sqlite":
            return str(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stook-bench-"))) / "bench.db")
        case "none":
            return ""
        case _:
            assert_never(probe.store)


def _figures(out: str) -> dict[str, float]:
    line = _last_line(out)
    try:
        figures = json.loads(line)
    except ValueError:
        raise ProbeError(f"its last line of output is no JSON object of figures: {line[:200]}") from None
    return {str(name): float(value) for name, value in figures.items()}


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip()[-400:] if lines else "it said nothing"
