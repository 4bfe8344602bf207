"""What has to happen by itself: due work, lapsed leases, deadlines, dead neighbours, deleted rows, recounts.

Every process that works runs one; two at once do no harm, each verb looks again under its locks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeVar

from stook.core.errors import NotFound, StoreError
from stook.core.states import BatchState
from stook.engine import process
from stook.engine.deployment_upkeep import tidy_deployments
from stook.engine.errands import do_errands
from stook.engine.hosted_keys import revoke_orphans
from stook.engine.listening import listening
from stook.engine.ticking import tick_once
from stook.engine.upkeep import daily, purge_all
from stook.store.script.backlog import work_off_backlog
from stook.store.script.errands import ready_errands
from stook.store.script.missed_ends import FIRST, missed_ends, tell_missed
from stook.store.script.project import count_project, counted_projects
from stook.store.script.read.batch_list import list_batches
from stook.store.script.recount import reconcile, recount
from stook.store.script.request import old_requests, purge_requests
from stook.store.script.retention import drop_past
from stook.store.script.row_changes import run_row_changes
from stook.store.script.sweep import (
    LeasesLost,
    end_overdue,
    expire_leases,
    expire_waiting,
    lose_workers,
    promote_due,
)
from stook.store.script.upkeep import look_ahead
from stook.store.script.wake import wake_due
from stook.store.script.webhook_purge import purge_carriers, purge_events
from stook.store.script.worker_row import list_workers

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from stook.core.tally import Tally
    from stook.engine.blobs import Blobs
    from stook.store.port import Store

__all__ = ["Maintenance", "sweep_once"]

LONGEST: Final = 1.0
"""Seconds between two looks at most: what another process schedules is at most so late."""
NEIGHBOURS: Final = 5.0
"""Seconds between two looks for dead processes of this machine."""
RECOUNT: Final = 60.0
"""Seconds between two recounts, of one live batch each."""
WEBHOOKS_KEPT: Final = 30 * 86_400.0
"""Seconds for which events and what became of their deliveries are kept."""
CARRIERS_KEPT: Final = 3600 * 1_000_000
"""Microseconds for which an ended batch that carried deliveries is kept: they themselves say what there is to know."""
PATIENCE: Final = 2.0
"""Seconds that a step under way may take to its end when maintenance is stopped."""
LIVE: Final = frozenset(state for state in BatchState if not state.terminal)

T = TypeVar("T")
log = logging.getLogger("stook.engine")


_SWEEPS: Final = (
    run_row_changes,
    expire_waiting,
    promote_due,
    expire_leases,
    end_overdue,
    wake_due,
    ready_errands,
    work_off_backlog,
)
"""Errands are done behind all of them, since some leave some. What is too late has gone before something becomes ready:
a worker takes that at once."""


async def sweep_once(store: Store, limit: int | None = None, *, tally: Tally | None = None) -> int:
    """Everything that is due now; returns how much that was. One commit handles `limit` lapsed leases or deadlines at
    most."""
    done = await do_errands(store)  # at once: somebody waits for each
    while changed := await tick_once(store):
        done += changed
    bite = () if limit is None else (limit,)
    for verb in _SWEEPS:
        while changed := await store.write(verb, *bite):
            done += changed
            if tally is not None and isinstance(changed, LeasesLost):
                tally.lapsed(changed.items)
    while changed := await do_errands(store, *bite):
        done += changed
    return done


class Maintenance:
    """Batches of `project` are recounted; all else is done for every project."""

    def __init__(self, store: Store, blobs: Blobs, project: str, *, webhooks_kept: float = WEBHOOKS_KEPT) -> None:
        self._store = store
        self._blobs = blobs
        self._project = project
        self._webhooks_kept = round(webhooks_kept * 1_000_000)
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._recounted: bytes | None = None
        self._asked_after = FIRST
        self.tally: Tally | None = None
        self.queues: Counter[str] = Counter()
        """Whose daily maintenance is done here, unless another program is first."""
        self.paces: list[tuple[int, float]] = []
        """What workers here want: how many lapsed leases and deadlines a commit handles, and how many seconds lie
        between two looks at most."""

    @property
    def sweep_limit(self) -> int | None:
        return max((limit for limit, _ in self.paces), default=None)

    @property
    def longest(self) -> float:
        return min([LONGEST, *(seconds for _, seconds in self.paces)])

    async def start(self) -> None:
        """The first look has been taken when this returns: what a dead process of this machine held is free."""
        await self.bury_neighbours()
        await revoke_orphans(self._store)
        self._stopping.clear()
        self._task = asyncio.create_task(self._run(), name="stook-maintenance")

    async def stop(self) -> None:
        """What is under way may end, unless the store keeps it waiting."""
        if self._task is not None:
            self._stopping.set()
            await asyncio.wait({self._task}, timeout=PATIENCE)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def bury_neighbours(self) -> int:
        """Takes back what workers hold whose process of this machine is gone; returns how many leases that were."""
        here = process.host()
        rows = await self._store.read(list_workers)
        dead = [row[0] for row in rows if row[1] == here and not process.is_alive(row[2])]
        if not dead:
            return 0
        lost = await self._store.write(lose_workers, dead)
        if self.tally is not None and lost:
            self.tally.lapsed(lost.items)
        return lost

    async def purge(self) -> None:
        """Removes what deleted batches left, a bite at a time."""
        await purge_all(self._store, self._blobs)

    async def upkeep(self) -> None:
        """What is past its time goes, and the rest when it is the day's turn of one of its queues."""
        while await self._store.write(drop_past):
            pass
        await daily(self._store, self._blobs, [queue for queue, wanted in self.queues.items() if wanted > 0])

    async def count_queues(self) -> None:
        """Of the projects whose queue is limited, so that what was under way when the limit was set is in it."""
        for name in await self._store.read(counted_projects):
            await self._store.write(count_project, name)

    async def forget_answers(self) -> None:
        """Removes what was answered under idempotency keys longer ago than they are kept, a bite at a time."""
        if await self._store.read(old_requests):
            while await self._store.write(purge_requests):
                pass

    async def forget_webhooks(self) -> None:
        """Removes events that are kept no longer, with what became of them, a bite at a time."""
        while await self._store.write(purge_carriers, CARRIERS_KEPT):
            pass
        while await self._store.write(purge_events, self._webhooks_kept):
            pass

    async def recount_next(self) -> list[str]:
        """Counts the next live batch again and repairs what is wrong, which nothing should ever have to; returns what
        that was, in words. Each batch has its turn, then the newest again."""
        page = await self._store.read(list_batches, self._project, states=LIVE, after=self._recounted, limit=1)
        if not page.batches:
            self._recounted = None
            return []
        batch = page.batches[0]
        self._recounted = batch.id
        with contextlib.suppress(NotFound):  # deleted meanwhile
            found = await self._store.read(recount, batch.id)
            if found.differences:
                repaired = await self._store.write(reconcile, batch.id)
                log.error("batch %s was wrong: %s", batch.public_id, "; ".join(found.differences))
                log.error("batch %s was repaired: %s", batch.public_id, "; ".join(repaired) or "by itself")
                return repaired
        return []

    async def tell_missed_ends(self) -> int:
        """Tells parents of ended children that nobody told them of; returns how many. Some thousand waits at a time,
        each has its turn. That happens where an older program runs beside this one, and settles a child."""
        told = 0
        for _ in range(10):
            missed, behind = await self._store.read(missed_ends, self._asked_after)
            self._asked_after = behind or FIRST
            if missed:
                await self._store.write(tell_missed, missed)
                log.warning("%d executions had not been told that their children ended; now they are", len(missed))
                told += len(missed)
            if behind is None:
                break
        return told

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        looked = recounted = loop.time()
        stopping: asyncio.Future[bool] = asyncio.ensure_future(self._stopping.wait())
        try:
            while not stopping.done():
                async with listening(self._store, "timer", "purge", "errand", timeout=self.longest) as heard:
                    if loop.time() - looked > NEIGHBOURS:
                        looked = loop.time()
                        await self._safely(self.bury_neighbours())
                        await self._safely(revoke_orphans(self._store))
                    if loop.time() - recounted > RECOUNT:
                        recounted = loop.time()
                        await self._safely(self.recount_next())
                        await self._safely(self.tell_missed_ends())
                        await self._safely(self.forget_answers())
                        await self._safely(self.forget_webhooks())
                        await self._safely(self.count_queues())
                        await self._safely(tidy_deployments(self._store, self._blobs))
                        await self._safely(self.upkeep())
                    pause = await self._safely(self._sweep())
                    await self._safely(self.purge())
                    if pause is None:
                        await asyncio.wait({stopping}, timeout=self.longest)
                    else:
                        await asyncio.wait({stopping, heard}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()

    async def _safely(self, step: Coroutine[Any, Any, T]) -> T | None:
        """None: it failed, and will be tried again."""
        try:
            return await step
        except StoreError as error:
            log.warning("maintenance failed, trying again: %s", error)
        except Exception:
            log.exception("maintenance failed, trying again")
        return None

    async def _sweep(self) -> float:
        """Seconds until the next look."""
        due_in = await self._store.read(look_ahead)
        if due_in is None:
            return self.longest
        if due_in > 0:
            return min(self.longest, due_in / 1_000_000)
        # What is due and cannot be taken is in somebody else's hands at the moment.
        return 0.0 if await sweep_once(self._store, self.sweep_limit, tally=self.tally) else self.longest
