"""Batches of hosted code with their counters, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stook.store.script.batch_row import BatchRow
from stook.store.script.read.batch_view import BatchView, views_of
from stook.store.script.read.hosted_batches import HostedFilter, HostedRow, hosted_rows, read_hosted_row
from stook.store.statement import Each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["HostedJob", "list_hosted_jobs", "show_hosted_job"]


class HostedJob(NamedTuple):
    """`first_claim`: of what runs now, when the first was begun."""

    of: HostedRow
    view: BatchView
    policy: str
    first_claim: int | None


def show_hosted_job(project: str, batch_id: bytes) -> Script[HostedJob | None]:
    row = yield from read_hosted_row(batch_id)
    if row is None or row.project != project or row.single:
        return None
    return (yield from _jobs([row]))[0]


def list_hosted_jobs(
    project: str, by: HostedFilter, *, behind: bytes | None, limit: int
) -> Script[tuple[list[HostedJob], bytes | None]]:
    """The next ones, at most `limit`, and the id behind which to go on; None: these were the last."""
    rows, behind = yield from hosted_rows(project, by, newest=True, behind=behind, bite=limit)
    return (yield from _jobs(rows)), behind


def _jobs(rows: Sequence[HostedRow]) -> Script[list[HostedJob]]:
    if not rows:
        return []
    found: list[Row] = yield Each("read_batches", [(row.batch_id,) for row in rows])
    batches = {row[0]: BatchRow(*row) for row in found}
    there = [row for row in rows if row.batch_id in batches]
    views = yield from views_of([batches[row.batch_id] for row in there])
    live = [(view.id,) for view in views if view.counters.running]
    claims: list[Row] = (yield Each("first_claims", live)) if live else []
    first = {row[0]: row[1] for row in claims}
    return [
        HostedJob(row, view, batches[row.batch_id].policy, first.get(view.id))
        for row, view in zip(there, views, strict=True)
    ]
