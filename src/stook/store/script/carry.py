"""Deliveries become executions: one hidden batch per endpoint and transaction, in the endpoint's own project, so that
the claim's fair share, limits and pauses hold between endpoints as they do between projects."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.chunk import MAX_ITEMS, make_chunk
from stook.core.ids import BatchIds
from stook.core.policy import RetryPolicy, TaskPolicy
from stook.core.webhook_events import QUEUE, TASK, endpoint_project
from stook.store.statement import Each, Many, Notify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stook.store.statement import Row, Script

__all__ = ["MADE_NEVER_TO_FAIL", "carry"]

MADE_NEVER_TO_FAIL: Final = 1_000_000
"""Attempts and losses of a carrying execution: the delivery alone decides when it is over."""
_POLICY: Final = TaskPolicy(
    queue=QUEUE,
    max_attempts=MADE_NEVER_TO_FAIL,
    max_losses=MADE_NEVER_TO_FAIL,
    retry=RetryPolicy(delays=(60,)),
    timeout=60,
)
_POLICY_JSON: Final = msgspec.json.encode(_POLICY).decode()


def carry(runs: Mapping[str, Sequence[tuple[str, int]]], now: int) -> Script[None]:
    """By endpoint (delivery, run). Only inserts, whatever the number: five statements and one look for all."""
    runs = {endpoint_id: deliveries for endpoint_id, deliveries in runs.items() if deliveries}
    if not runs:
        return
    projects = sorted(map(endpoint_project, runs))
    fronts: list[Row] = yield Each("webhook_fronts", [(project,) for project in projects])
    front = {row[0]: row[1] or 0 for row in fronts}
    ids = BatchIds(lambda: now // 1000, secrets.randbits)
    batches: list[tuple[object, ...]] = []
    chunks: list[tuple[object, ...]] = []
    states: list[tuple[object, ...]] = []
    segments: list[tuple[object, ...]] = []
    for endpoint_id, deliveries in runs.items():
        project, batch_id = endpoint_project(endpoint_id), ids()
        rank = front.get(project, 0)
        for first in range(0, len(deliveries), MAX_ITEMS):
            some = deliveries[first : first + MAX_ITEMS]
            chunk = make_chunk([b'{"delivery":"%s","run":%d}' % (one.encode(), run) for one, run in some])
            chunks.append((batch_id, first, chunk.count, chunk.starts, None, None, chunk.payloads, None))
            states.append((batch_id, first, bytes(chunk.count)))
            segments.append(_segment(batch_id, project, first, chunk.count, rank, now))
            rank += chunk.count
        batches.append((batch_id, project, _POLICY_JSON, len(deliveries), rank, now))
    yield Many("insert_webhook_batch", batches)
    yield Many("insert_chunk", chunks)
    yield Many("insert_state", states)
    yield Many("insert_segment", segments)
    yield Notify((f"task:{TASK}",))


def _segment(batch_id: bytes, project: str, first: int, count: int, rank: int, now: int) -> tuple[object, ...]:
    """Columns of `insert_segment.sql`: ready now, in round 1 and attempt 1."""
    place = (batch_id, first, 0, count, None)
    flow = (project, TASK, QUEUE, 0, rank)
    return (*place, *flow, 1, 1, 0, 0, 0, 0, None, now, None, "", None)
