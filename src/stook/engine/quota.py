"""Limits and pauses that people change while things run: of the project, of a queue, of a task."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from stook.core.errors import OptionError
from stook.core.unchanged import UNCHANGED, Unchanged
from stook.engine.names import check_name
from stook.engine.options import check_count
from stook.engine.recording import write_recorded
from stook.store.script.quota import declare_quota, set_quota, set_weight
from stook.store.script.read.limits import LimitRow, project_limits
from stook.store.script.terms import set_terms
from stook.store.statement import All

if TYPE_CHECKING:
    from stook.core.terms import TermsChange
    from stook.engine.recording import Recording
    from stook.store.port import Store
    from stook.store.statement import Row, Script

__all__ = ["Quotas"]


class Quotas:
    """Of one project."""

    def __init__(self, store: Store, project: str) -> None:
        self._store = store
        self._project = project
        self._declared: dict[str, int | None] = {}
        """What was written for each task; None: somebody has changed it here since."""

    async def declare(self, task: str, max_concurrency: int | None) -> None:
        """What the task's definition says, told the store once per process: a limit set by `change` stays, until the
        definition is another. None leaves what there is."""
        known = self._declared
        if max_concurrency is None or (task in known and known[task] in (None, max_concurrency)):
            return
        await self._store.write(declare_quota, self._project, task, max_concurrency)
        known[task] = max_concurrency

    async def change(
        self,
        *,
        queue: str | None,
        task: str | None,
        max_concurrency: int | Unchanged | None,
        paused: bool | None,
        weight: float | None,
        terms: TermsChange | None = None,
        by: Recording | None = None,
    ) -> LimitRow:
        scope, name = self._scope(queue, task)
        if max_concurrency is UNCHANGED and paused is None and weight is None and not terms:
            raise OptionError("nothing is to change", hint="give max_concurrency, paused or weight")
        if terms and task is None:
            raise OptionError("concurrency, rate_limit and window are limits of a task", hint="name it: task=…")
        if paused is not None and not isinstance(paused, bool):
            raise OptionError(f"paused={paused!r} is neither True nor False")
        if max_concurrency is not UNCHANGED:
            check_count("max_concurrency", max_concurrency, hint="to stop it, paused=True")
        if weight is not None and scope != "project":
            raise OptionError(f"a {scope} has no weight", hint="give it without queue or task: projects share by it")
        act = partial(_change, scope, self._project, name, max_concurrency, paused, weight, terms or {})
        found = await write_recorded(self._store, by, act)
        if task is not None and max_concurrency is not UNCHANGED:
            self._declared[task] = None
        return found

    @staticmethod
    def _scope(queue: str | None, task: str | None) -> tuple[Literal["project", "queue", "task"], str]:
        if queue is not None and task is not None:
            raise OptionError("give queue or task, not both", hint="limit each by a call of its own")
        if queue is not None:
            check_name("queue", queue)
            return "queue", queue
        if task is not None:
            check_name("task", task)
            return "task", task
        return "project", ""


def _change(
    scope: Literal["project", "queue", "task"],
    project: str,
    name: str,
    max_concurrency: int | Unchanged | None,
    paused: bool | None,  # noqa: FBT001 - a verb's arguments are plain
    weight: float | None,
    terms: TermsChange,
) -> Script[LimitRow]:
    """What is not given stays."""
    if weight is not None:
        yield from set_weight(project, weight)
    if max_concurrency is not UNCHANGED or paused is not None:
        if isinstance(max_concurrency, Unchanged):
            rows: list[Row] = yield All("quotas")
            max_concurrency = next((row[3] for row in rows if tuple(row[:3]) == (scope, project, name)), None)
        yield from set_quota(scope, project, name, max_concurrency, paused=paused)
    if terms:
        yield from set_terms(project, name, **terms)
    found = yield from project_limits(project)
    none = LimitRow(scope, name, None, paused=False, running=0)
    return next((one for one in found if (one.scope, one.name) == (scope, name)), none)
