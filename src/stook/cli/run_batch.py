"""One run: the batch is made or found again, worked on until it has ended, and written out.

open ─▶ intake ─▶ seal          the same key: the same batch, taken up wherever the last run left it
│
worker ─▶ … ─▶ ended ─▶ output, from the store and in input order
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stook.cli.act import BY_HAND
from stook.cli.figures import count, plural
from stook.cli.following import follow
from stook.cli.log_lines import log_lines
from stook.cli.opened import opened_session
from stook.cli.output import write_results
from stook.cli.streams import prints_aside
from stook.core.errors import Conflict, InputError, KeyConflict, StoreError
from stook.core.retry_scope import RetryScope
from stook.core.states import BatchState
from stook.engine.service import Options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stook.cli.checked_input import CheckedInput
    from stook.cli.progress import Display
    from stook.cli.stopping import Stop
    from stook.config.settings import Settings
    from stook.core.policy import TaskPolicy
    from stook.engine.service import Engine
    from stook.files.formats import OutputFormat
    from stook.store.script.read.batch_view import BatchView
    from stook.store.script.read.failures import FailureGroup
    from stook.store.script.submit import Created
    from stook.wiring.session import Session
    from stook.wiring.task import Task
    from stook.worker.runtime import WorkerRuntime

__all__ = ["Job", "Outcome", "run_job"]

_OTHERS: Final = 4
"""Other batches that are named, at most."""
MANY: Final = 50_000
"""Rows that take long enough to write to say so."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What was asked for, checked as far as that is possible without the store."""

    task: Task[..., Any, Any]
    policy: TaskPolicy
    overridden: bool
    """`policy` is not the task's own."""
    settings: Settings
    input: CheckedInput
    identity: str
    name: str | None
    retry_failed: bool
    concurrency: int
    processes: int | None
    grace: float
    output: str | None
    output_format: OutputFormat | None
    prints_apart: bool
    """Standard output is for results alone."""

    @property
    def options(self) -> Options:
        """A name stands for one input; without a name the input stands for itself."""
        key = f"run {self.task.name} {self.name or self.identity}"
        return Options(
            name=self.name,
            key=key,
            digest=self.identity,
            metadata={"input": os.fsencode(self.input.name).decode(errors="replace"), "items": self.input.items},
        )


@dataclass(frozen=True)
class Outcome:
    view: BatchView
    before: BatchView | None
    """What an earlier run had left; None: the batch is new."""
    groups: list[FailureGroup]
    written: int | None
    """Rows in the output; None: none was asked for, or it is not the time yet."""
    stopped: bool
    seconds: float
    """Until the batch had ended, or was left."""


async def run_job(job: Job, display: Display, stop: Stop) -> Outcome:
    """Returns when the batch has ended, is paused by its policy, or `stop` was asked for. Raises what the store or the
    input refuses; what had settled by then is kept."""
    begun = time.monotonic()
    async with opened_session(job.settings) as session:
        engine = session.engine
        created = await _open_batch(engine, job)
        before = None if created.created else await engine.show(created.id)
        _announce(job, display, before, await engine.show(created.id))
        await _name_others(engine, job, created.id, display)
        if before is not None and job.retry_failed and before.counters.failed:
            queued = await engine.retry(created.id, RetryScope())
            display.say(f"{plural(queued, 'failed execution')} queued again")
        view = await engine.show(created.id)
        if not view.state.terminal and view.state is not BatchState.paused:
            with stop.listening(), log_lines(display.say), prints_aside(wanted=job.prints_apart):
                view = await _work(session, job, created, display, stop)
        display.close()
        took = time.monotonic() - begun
        written = None
        if view.state.terminal and job.output is not None:
            if view.counters.total >= MANY:
                display.say(f"writing {plural(view.counters.total, 'row')} to {job.output}")
            try:
                written = await write_results(engine.results(created.id), job.output, job.output_format)
            except StoreError:
                display.say(f"the batch has ended; its results are kept: stook results {view.public_id} --output FILE")
                raise
        groups = await engine.failure_groups(created.id)
        return Outcome(view, before, groups, written, stop.asked and not view.state.terminal, took)


async def _open_batch(engine: Engine, job: Job) -> Created:
    try:
        return await engine.open_batch(job.task.name, job.policy, job.options)
    except KeyConflict:
        raise KeyConflict(
            f"batch {job.name!r} of task {job.task.name} was made from another input than {job.input.name} is now",
            hint=f"another --name begins anew; `stook delete {job.name}` lets this one",
        ) from None


def _announce(job: Job, display: Display, before: BatchView | None, view: BatchView) -> None:
    named = f"batch {view.public_id}" if job.name is None else f"batch {job.name} ({view.public_id})"
    if before is None:
        left = f", {count(job.input.left_out)} left out for their keys" if job.input.left_out else ""
        display.say(f"{named}: {plural(job.input.items, 'item')} of {job.input.name}{left}")
        return
    if job.overridden:
        display.say("the batch keeps the options it was made with: --max-attempts and --timeout are for new ones")
    if before.state.terminal:
        after = "" if job.retry_failed else ": nothing that has ended runs again"
        display.say(f"{named} ended before, {before.state.value}{after}")
    else:
        display.say(f"{named} goes on: {count(before.counters.terminal)} of {count(job.input.items)} are done")


async def _name_others(engine: Engine, job: Job, batch_id: bytes, display: Display) -> None:
    """A worker serves a task, not a batch: whoever left another one unfinished shall not wonder."""
    unfinished = (BatchState.open, BatchState.queued, BatchState.running)
    page = await engine.batches(states=unfinished, task=job.task.name, limit=_OTHERS)
    others = [view.public_id for view in page.batches if view.id != batch_id]
    if others:
        more = " and others" if page.after is not None else ""
        display.say(
            f"unfinished batches of this task go on beside it: {', '.join(others)}{more}; `stook cancel` ends one"
        )


async def _work(session: Session, job: Job, created: Created, display: Display, stop: Stop) -> BatchView:
    definition = job.task.definition(processes=job.processes is not None)
    async with (
        session.working(
            {definition.name: definition},
            concurrency=job.concurrency,
            processes=job.processes,
            grace=job.grace,
            custom=job.task.app.context,
        ) as runtime,
        _feeding(session.engine, job, created) as feeding,
    ):

        def done(view: BatchView) -> bool:
            _raise_failure(runtime, feeding)
            held_back = view.state is BatchState.paused and view.reason != BY_HAND and not view.counters.running
            return stop.asked or (held_back and feeding.done())

        await follow(session.engine, created.id, display, done=done, wait=stop.wait)
    return await session.engine.show(created.id)


def _raise_failure(runtime: WorkerRuntime, feeding: asyncio.Task[None]) -> None:
    if feeding.done():
        feeding.result()
    if runtime.failure is not None:
        raise runtime.failure


@contextlib.asynccontextmanager
async def _feeding(engine: Engine, job: Job, created: Created) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(_feed(engine, job, created), name="stook-intake")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _feed(engine: Engine, job: Job, created: Created) -> None:
    if created.sealed:
        return
    intake = await engine.intake(created, job.options)
    try:
        for block in job.input.blocks():
            await intake.add(block.payloads, block.keys)
            await asyncio.sleep(0)  # handlers run between two blocks
        await intake.finish()
        await engine.seal(created.id)
    except Conflict:
        # Another program with the same command may have been faster, or somebody has cancelled the batch meanwhile.
        if (await engine.show(created.id)).sealed_at is None:
            raise
    except InputError as error:
        await engine.give_up(created.id, f"its input changed while it was read: {error}")
        raise
    finally:
        await intake.drop()
