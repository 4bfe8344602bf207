"""Limits and pauses of one project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from stook.core.terms import NO_TERMS, Terms, read_terms
from stook.store.statement import All

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["LimitRow", "project_limits"]

_Scope = Literal["project", "queue", "task"]


class LimitRow(msgspec.Struct, frozen=True):
    """`name` is empty for the project itself; `max_concurrency` None: no limit. `running`: executions that workers hold
    of what it limits. `terms` and `declared…` are a task's: what holds, and what its definition says; they differ where
    it was changed by hand."""

    scope: _Scope
    name: str
    max_concurrency: int | None
    paused: bool
    running: int
    terms: Terms = NO_TERMS
    declared_concurrency: int | None = None
    declared: Terms = NO_TERMS


def project_limits(project: str) -> Script[list[LimitRow]]:
    """The project's own, which is always there, then queues and tasks that have one, by name."""
    quotas: list[Row] = yield All("quotas")
    usage: list[Row] = yield All("usage")
    rows: list[Row] = yield All("project_terms", (project,))
    ours: dict[tuple[_Scope, str], tuple[int | None, bool, int | None]]
    ours = {(row[0], row[2]): (row[3], bool(row[4]), row[5]) for row in quotas if row[1] == project}
    terms: dict[tuple[_Scope, str], tuple[Terms, Terms]] = {
        ("task", task): (read_terms(body), read_terms(declared or "{}")) for task, body, declared in rows
    }
    ours |= {place: (None, False, None) for place, said in terms.items() if place not in ours and any(map(_any, said))}
    ours.setdefault(("project", ""), (None, False, None))
    running: dict[tuple[str, str], int] = {}
    for owner, queue, task, live in usage:
        if owner == project:
            for place in (("project", ""), ("queue", queue), ("task", task)):
                running[place] = running.get(place, 0) + live
    found = []
    for place, (most, paused, declared_most) in sorted(ours.items()):
        now, declared = terms.get(place, (NO_TERMS, NO_TERMS))
        live = running.get(place, 0)
        found.append(LimitRow(place[0], place[1], most, paused, live, now, declared_most, declared))
    return found


def _any(terms: Terms) -> bool:
    return terms != NO_TERMS
