"""The terms of tasks: what their definitions say, and what is changed by hand while things run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.terms import NO_TERMS, Terms, read_terms, terms_of_policy, write_terms
from stook.core.unchanged import UNCHANGED, Unchanged
from stook.store.script.batch_row import decode_policy
from stook.store.script.quota import declare_quota
from stook.store.statement import All, Each, Many, Notify, Now, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.policy import ConcurrencyLimit, RateLimit
    from stook.core.window import Window
    from stook.store.statement import Row, Script

__all__ = ["declare_limits", "declare_terms", "drop_full_buckets", "find_terms", "set_terms"]


def declare_terms(project: str | None, rows: Sequence[tuple[str, str]]) -> Script[None]:
    """(task, policy as JSON) of the newest definitions; `project` None: for all projects whose own workers do not know
    the task. Each holds from the next claim on, for all that waits, when it is new or has changed; said again, it
    leaves alone what was changed by hand since."""
    place = project or ""
    if not rows:
        return
    found: list[Row] = yield Each("declared_terms", sorted((place, task) for task, _ in rows))
    known = {row[0]: (row[1], row[2]) for row in found}
    texts = {task: write_terms(terms_of_policy(decode_policy(policy))) for task, policy in sorted(rows)}
    changed = []
    for task, text in texts.items():
        _, declared = known.get(task, (None, write_terms(NO_TERMS)))
        if declared != text:
            changed.append((place, task, text, text))
    if changed:
        yield Many("upsert_task_terms", changed)
        yield Notify(("quota",))
    if project is None:
        yield Many("drop_other_terms", list(texts.items()))


def declare_limits(project: str, rows: Sequence[tuple[str, str]]) -> Script[None]:
    """`max_concurrency` of the same, of the project's tasks."""
    for task, policy in sorted(rows):
        yield from declare_quota(project, task, decode_policy(policy).max_concurrency)


def set_terms(
    project: str,
    task: str,
    *,
    limits: Sequence[ConcurrencyLimit] | Unchanged = UNCHANGED,
    rates: Sequence[RateLimit] | Unchanged = UNCHANGED,
    window: Window | Unchanged | None = UNCHANGED,
) -> Script[Terms]:
    """By hand: holds from the next claim on and until the task's definition is another. What is not given stays, as the
    catalogue says where nothing was ever said."""
    found: list[Row] = yield Each("declared_terms", [(project, task)])
    body, declared = found[0][1:] if found else (None, None)
    terms = (yield from find_terms(project, task)) if body is None else read_terms(body)
    after = Terms(
        terms.limits if isinstance(limits, Unchanged) else tuple(limits),
        terms.rates if isinstance(rates, Unchanged) else tuple(rates),
        terms.window if isinstance(window, Unchanged) else window,
    )
    if body is None:
        declared = write_terms(terms)
    yield Many("upsert_task_terms", [(project, task, write_terms(after), declared)])
    yield Notify(("quota",))
    return after


def find_terms(project: str, task: str) -> Script[Terms]:
    """Those that hold for the task's work in the project: declared ones, or else what the catalogue says."""
    rows: list[Row] = yield All("find_task_terms", (project, task))
    if rows:
        return read_terms(rows[0][0])
    known: list[Row] = yield Each("catalogued_policy", [(project, task)])
    policy = known[0][2]
    return NO_TERMS if policy is None else terms_of_policy(decode_policy(policy))


def drop_full_buckets(limit: int = 500) -> Script[int]:
    """Token buckets that are full again: as if they had never been used."""
    now: int = yield Now()
    removed: int = yield Run("drop_full_buckets", (now, limit))
    return removed
