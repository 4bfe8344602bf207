"""What a run says at its end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from stook.cli.documents import batch_document, failure_document, print_document
from stook.cli.figures import count, duration, plural
from stook.core.states import BatchState

if TYPE_CHECKING:
    from stook.cli.run_batch import Job, Outcome
    from stook.store.script.read.batch_view import BatchView

__all__ = ["headline", "report_run"]

SHOWN = 10
"""Failure groups in a summary."""


def report_run(job: Job, outcome: Outcome, *, as_json: bool) -> None:
    """For people on standard output, or beside it where the results themselves went there."""
    if as_json:
        print_document(
            {
                "batch": batch_document(outcome.view),
                "failures": [failure_document(group) for group in outcome.groups],
                "output": None if outcome.written is None else {"path": job.output, "rows": outcome.written},
                "new": outcome.before is None,
                "interrupted": outcome.stopped,
                "seconds": round(outcome.seconds, 3),
            }
        )
        return
    out = sys.stderr if job.output == "-" else sys.stdout
    ended = outcome.view.counters.terminal - (outcome.before.counters.terminal if outcome.before else 0)
    took = outcome.seconds
    pace = f" in {duration(took)}, {ended / took:,.0f}/s" if ended > 0 and took > 0 else ""
    print(headline(outcome.view) + pace, file=out)
    _print_groups(outcome, out)
    for line in _what_next(job, outcome):
        print(line, file=out)


def headline(view: BatchView) -> str:
    """As in `partially_failed: 99,963 of 100,000 succeeded, 37 failed`."""
    counters = view.counters
    parts = [f"{count(counters.succeeded)} of {count(counters.total)} succeeded"]
    parts += [
        f"{count(number)} {word}"
        for word in ("failed", "cancelled", "expired", "running", "queued", "scheduled", "suspended")
        if (number := getattr(counters, word))
    ]
    return f"{view.state.value}: {', '.join(parts)}"


def _print_groups(outcome: Outcome, out: object) -> None:
    groups = [group for group in outcome.groups if group.failed]
    if not groups:
        return
    from stook.cli.failure_table import failure_table
    from stook.cli.tables import console_for

    console = console_for(out)  # type: ignore[arg-type]
    console.print()
    console.print(failure_table(groups[:SHOWN]))
    if len(groups) > SHOWN:
        console.print(f"and {plural(len(groups) - SHOWN, 'group')} more")
    console.print()


def _what_next(job: Job, outcome: Outcome) -> list[str]:
    view = outcome.view
    lines = []
    if outcome.written is not None and job.output != "-":
        lines.append(f"{plural(outcome.written, 'row')} written to {job.output}")
    if outcome.stopped:
        lines.append("stopped; everything that ended is kept, and the same command goes on")
    elif view.state is BatchState.paused:
        lines.append(f"paused: {view.reason}; `stook resume {view.public_id}`, then the same command goes on")
    elif view.state in (BatchState.cancelled, BatchState.expired):
        reason = f" ({view.reason})" if view.reason else ""
        if view.counters.total < job.input.items:
            had = f"when {count(view.counters.total)} of {count(job.input.items)} items had been submitted"
            again = f"`stook delete {view.public_id}`, or another --name, lets the same command begin anew"
        else:
            had = f"{count(view.counters.cancelled + view.counters.expired)} did not run"
            again = f"`stook retry {view.public_id} --state {view.state.value}` takes these up again"
        lines.append(f"{view.state.value}{reason}, {had}; {again}")
    if view.counters.failed:
        lines.append(
            f"tracebacks: stook failures {view.public_id} --traceback      again: the same command with --retry-failed"
        )
    return lines
