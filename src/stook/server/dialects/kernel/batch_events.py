"""Following a batch job.

batch_state ──▶ batch_progress … ──▶ batch_state (running) ──▶ batch_progress … ──▶ batch_state (ended), the last
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import StookError
from stook.core.ids import batch_of, parse_id
from stook.server.dialects.kernel.shown import batch_job
from stook.server.dialects.kernel.stream import beat, event, failed, stopping

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from stook.engine.hosted_batches import HostedBatch
    from stook.server.call import Call
    from stook.server.dialects.kernel.shapes import BatchJob
    from stook.store.script.read.batch_view import BatchView

__all__ = ["batch_frames"]


def _with_news(found: HostedBatch, view: BatchView) -> HostedBatch:
    """As its row says now."""
    return msgspec.structs.replace(
        found,
        state=view.state,
        begun=found.begun or view.started_at is not None or view.counters.running > 0,
        counters=view.counters,
        max_concurrency=view.max_concurrency,
        started_at=found.started_at if view.started_at is None else view.started_at,
        finished_at=view.finished_at,
        reason=view.reason,
    )


async def batch_frames(call: Call, found: HostedBatch) -> AsyncGenerator[bytes]:
    """Those who follow one job share a reader of its row. Counts that change quickly are told together."""
    loop = asyncio.get_running_loop()
    channels, pause = call.services.channels, call.services.limits.heartbeat
    async with channels.of(batch_of(parse_id(found.id))) as channel:
        seen, sent, shown = 0, loop.time(), None
        while True:
            try:
                view = await channel.look(seen, max(0.0, sent + pause - loop.time()))
                seen = channel.looks
                if view is not None:
                    found = await _now(call, found, view)
            except StookError as error:
                yield failed(call, error)
                return
            if view is not None:
                job, ended = batch_job(found), view.state.terminal
                for piece in _news(call, shown, job, ended=ended):
                    yield piece
                    sent = loop.time()
                shown = job
                if ended:
                    return
            if channels.stopping.is_set():
                yield stopping(call)
                return
            if loop.time() - sent >= pause:
                yield beat(call)
                sent = loop.time()


async def _now(call: Call, found: HostedBatch, view: BatchView) -> HostedBatch:
    found = _with_news(found, view)
    if found.begun and found.started_at is None:  # the row does not know yet when
        again = await call.services.hosted_batches.get(call.tenant.project, found.id)
        found = found if again is None else _with_news(again, view)
    return found


def _news(call: Call, shown: BatchJob | None, job: BatchJob, *, ended: bool) -> list[bytes]:
    at, news = call.services.clock(), []
    if shown is not None and _ended(job) > _ended(shown):
        news.append(
            event(
                "batch_progress",
                at,
                batch_job_id=job.id,
                succeeded_count=job.succeeded_count,
                failed_count=job.failed_count,
                total_count=job.total_count,
            )
        )
    if shown is None or ended or job.status != shown.status:
        news.append(event("batch_state", at, batch_job=job))
    return news


def _ended(job: BatchJob) -> int:
    return job.succeeded_count + job.failed_count
