"""Executions that something else than a call starts."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec

from stook.core.chunk import MAX_BYTES, MAX_ITEMS, Placing, make_chunk
from stook.core.extras import ItemExtras
from stook.core.lanes import Laner
from stook.core.policy import TaskPolicy
from stook.store.script.batch_row import decode_policy
from stook.store.script.submit import NewBatch, submit
from stook.store.statement import Each

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.core.chunk import Chunk
    from stook.store.statement import Row, Script

__all__ = ["Terms", "start", "terms_of"]


class Terms(msgspec.Struct, frozen=True):
    """What a task's executions are made with; `policy` is a TaskPolicy as JSON."""

    queue: str
    policy: str


def terms_of(tasks: Iterable[tuple[str, str]]) -> Script[dict[tuple[str, str], Terms]]:
    """By (project, task), as the catalogue has them; those that no worker has told of are not in it."""
    wanted = sorted(set(tasks))
    rows: list[Row] = (yield Each("find_tasks", wanted)) if wanted else []
    return {(project, task): Terms(queue, policy) for project, task, queue, policy in rows}


def start(
    batch_id: bytes,
    project: str,
    task: str,
    terms: Terms | None,
    items: Sequence[bytes],
    extras: ItemExtras | Sequence[ItemExtras],
    *,
    priority: int = 0,
    trace: str | None = None,
) -> Script[None]:
    """One execution per item, in one hidden batch. `extras` are all items' or each one's own. `terms` None: those of a
    task about which nothing was said.
    `OptionError` where the task is kept apart by a function that is not known here."""
    known = terms or Terms("default", msgspec.json.encode(TaskPolicy()).decode())
    new = NewBatch(
        id=batch_id,
        project=project,
        task=task,
        queue=known.queue,
        name=task,
        policy=known.policy,
        single=True,
        priority=priority,
        trace=trace,
    )
    each = [extras] * len(items) if isinstance(extras, ItemExtras) else extras
    yield from submit(new, _chunks(items, each, decode_policy(known.policy)))


def _chunks(items: Sequence[bytes], extras: Sequence[ItemExtras], policy: TaskPolicy) -> list[Chunk]:
    laner = Laner(policy)
    parts: list[list[bytes]] = [[]]
    for item in items:
        if parts[-1] and (len(parts[-1]) == MAX_ITEMS or sum(map(len, parts[-1])) + len(item) > MAX_BYTES):
            parts.append([])
        parts[-1].append(item)
    starts = itertools.accumulate(map(len, parts), initial=0)
    return [_chunk(part, extras[at : at + len(part)], laner) for part, at in zip(parts, starts, strict=False)]


def _chunk(items: Sequence[bytes], extras: Sequence[ItemExtras], laner: Laner) -> Chunk:
    if laner.idle:
        return make_chunk(items, extras=dict(enumerate(extras)))
    alike: dict[tuple[str, str | None], list[int]] = {}
    for offset, place in enumerate(laner.places(items)):
        alike.setdefault(place, []).append(offset)
    return make_chunk(
        items,
        extras=dict(enumerate(extras)),
        placings=[Placing(offsets, lane=lane, cost=cost) for (lane, cost), offsets in alike.items()],
    )
