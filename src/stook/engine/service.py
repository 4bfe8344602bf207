"""The use cases: what every edge (library, command line, servers) calls. Edges translate, this decides."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import msgspec

from stook.core.ids import BatchIds
from stook.core.states import State
from stook.engine.feed import Feeds
from stook.engine.intake import BITE_BYTES, BITE_ITEMS, Chunker, Intake
from stook.engine.item_times import item_times
from stook.engine.names import check_name
from stook.engine.options import Block, Options, check_count
from stook.engine.quota import UNCHANGED, Quotas, Unchanged
from stook.engine.reading import Reading
from stook.engine.singles import Single, Singles
from stook.store.script.cancel_items import CancelledItems, cancel_items
from stook.store.script.clock import read_clock
from stook.store.script.delete import delete
from stook.store.script.pause import pause, resume
from stook.store.script.quota import set_batch_limit
from stook.store.script.retry import retry
from stook.store.script.stop import cancel, give_up
from stook.store.script.submit import Created, NewBatch, create_batch, seal, submit

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Sequence

    from stook.core.policy import TaskPolicy
    from stook.core.retry_scope import RetryScope
    from stook.engine.blobs import Blobs
    from stook.store.port import Store

__all__ = ["Block", "Engine", "Options"]

OPEN_SECONDS = 24 * 3600.0
"""How long an unfinished submission may lie before it is given up."""


class Engine(Reading):
    """One project's view of a store. All methods are safe to call again after a lost answer."""

    def __init__(self, store: Store, blobs: Blobs, *, project: str = "default") -> None:
        super().__init__(store, blobs, project)
        self.feeds = Feeds(store, self.check_workers)
        self._ids = BatchIds(lambda: time.time_ns() // 1_000_000, secrets.randbits)
        self._singles = Singles(store, blobs, self._ids)
        self._quotas = Quotas(store, project)

    async def open_batch(self, task: str, policy: TaskPolicy, options: Options) -> Created:
        """An open batch to append to, or the one its key already stands for."""
        now = await self.store.read(read_clock)
        new = self._new_batch(task, policy, options, now)
        new.open_until = now + round(OPEN_SECONDS * 1_000_000)
        await self._quotas.declare(task, policy.max_concurrency)
        return await self.store.write(create_batch, new)

    def fits_whole(self, blocks: Sequence[Block]) -> bool:
        """Few and small enough for `submit_whole`."""
        sizes = [len(payload) for block in blocks for payload in block.payloads]
        return len(sizes) <= BITE_ITEMS and sum(sizes) <= BITE_BYTES and max(sizes, default=0) <= self.blobs.inline

    async def submit_whole(self, task: str, policy: TaskPolicy, blocks: Sequence[Block], options: Options) -> Created:
        """A whole batch in one transaction: there and sealed, or not there at all. The key of an earlier call: that
        batch as it is, which may still be open."""
        now = await self.store.read(read_clock) if options.deadline is not None else 0
        run_at, expires_at = await item_times(self.store, options)
        new = self._new_batch(task, policy, options, now)
        chunker = Chunker(self.blobs, new.id)
        chunks = [
            made for block in _joined(blocks) for made in await chunker.cut(block.payloads, block.keys, block.dedupe)
        ]
        await self._quotas.declare(task, policy.max_concurrency)
        return await self.store.write(submit, new, chunks, run_at=run_at, expires_at=expires_at)

    async def intake(self, created: Created, options: Options) -> Intake:
        """Where the batch's items go; begins behind those its submission has consumed."""
        run_at, expires_at = await item_times(self.store, options)
        return Intake(self.store, self.blobs, created.id, at=created.consumed, run_at=run_at, expires_at=expires_at)

    async def seal(self, batch_id: bytes) -> None:
        await self.store.write(seal, batch_id)

    async def submit(
        self, task: str, policy: TaskPolicy, blocks: AsyncIterable[Block], options: Options
    ) -> tuple[Created, Sequence[tuple[int, bytes, int]]]:
        """Everything from creating to sealing. The key of an earlier call: that batch, continued where it stopped.
        Also returns the items left out because their dedupe key was held: (index in input, batch, index)."""
        created = await self.open_batch(task, policy, options)
        if created.sealed:
            return created, ()
        intake = await self.intake(created, options)
        async for block in blocks:
            await intake.add(block.payloads, block.keys, block.dedupe)
        await intake.finish()
        await self.seal(created.id)
        return created, intake.existing

    async def give_up(self, batch_id: bytes, reason: str) -> None:
        """An unfinished submission: what it brought is cancelled, its key is free again."""
        await self.store.write(give_up, batch_id, reason=reason)

    async def submit_one(
        self, task: str, policy: TaskPolicy, payload: bytes, options: Options, dedupe: str | None = None
    ) -> tuple[bytes, int, bool]:
        """(batch, index, created)."""
        if dedupe is not None:
            check_name("dedupe_key", dedupe)
        run_at, expires_at = await item_times(self.store, options)
        await self._quotas.declare(task, policy.max_concurrency)
        single = Single(
            self.project,
            task,
            policy.queue,
            msgspec.json.encode(policy).decode(),
            options.priority,
            run_at,
            expires_at,
            options.metadata_json(),
        )
        return await self._singles.submit(single, payload, dedupe)

    async def wait_for_item(self, batch_id: bytes, index: int, after: int = 0) -> bytes | None:
        """Returns once the item has ended with settle number `after` or a later one; one reader per batch serves all
        who wait. Its result where it succeeded and that is at hand, else None: look."""
        block = await self.feeds.item(batch_id, index, after)
        place = block.offsets.index(index - block.first)
        if block.state is not State.succeeded or place in block.blobs:
            return None
        return b"null" if block.results is None else block.results[place]

    async def cancel(self, batch_id: bytes, *, hard: bool = False, reason: str = "cancelled by user") -> None:
        await self.store.write(cancel, batch_id, hard=hard, reason=reason)

    async def cancel_items(self, batch_id: bytes, indexes: Sequence[int]) -> CancelledItems:
        return await self.store.write(cancel_items, batch_id, indexes)

    async def pause(self, batch_id: bytes, *, reason: str = "paused by user") -> None:
        await self.store.write(pause, batch_id, reason=reason)

    async def resume(self, batch_id: bytes, *, ramp: bool = True) -> None:
        await self.store.write(resume, batch_id, ramp=ramp)

    async def retry(self, batch_id: bytes, scope: RetryScope, *, probe: int | None = None) -> int:
        """How many executions were queued now."""
        check_count("probe", probe, hint="leave it out to take up all at once")
        return await self.store.write(retry, batch_id, scope, probe=probe)

    async def delete(self, batch_id: bytes) -> None:
        """Out of sight at once; maintenance removes the rows."""
        await self.store.write(delete, batch_id)

    async def limit(self, batch_id: bytes, max_concurrency: int | None) -> None:
        check_count("max_concurrency", max_concurrency, hint="pause the batch instead")
        await self.store.write(set_batch_limit, batch_id, max_concurrency)

    async def change_limits(
        self,
        *,
        queue: str | None = None,
        task: str | None = None,
        max_concurrency: int | Unchanged | None = UNCHANGED,
        paused: bool | None = None,
        weight: float | None = None,
    ) -> None:
        """Of the project, or one of its queues or tasks, from the next claim on; what is not given stays."""
        await self._quotas.change(queue=queue, task=task, max_concurrency=max_concurrency, paused=paused, weight=weight)

    def _new_batch(self, task: str, policy: TaskPolicy, options: Options, now: int) -> NewBatch:
        return NewBatch(
            id=self._ids(),
            project=self.project,
            task=task,
            queue=policy.queue,
            name=options.name or task,
            policy=msgspec.json.encode(policy).decode(),
            key=options.key,
            digest=options.digest,
            priority=options.priority,
            max_concurrency=options.max_concurrency,
            metadata=options.metadata_json(),
            deadline_at=None if options.deadline is None else now + round(options.deadline * 1_000_000),
        )


def _joined(blocks: Sequence[Block]) -> Sequence[Block]:
    """As one, so that chunks are as large as they may be."""
    if len(blocks) < 2:  # noqa: PLR2004
        return blocks
    keyed, marked = blocks[0].keys is not None, blocks[0].dedupe is not None
    return [
        Block(
            [payload for block in blocks for payload in block.payloads],
            [key for block in blocks for key in block.keys or ()] if keyed else None,
            [mark for block in blocks for mark in block.dedupe or ()] if marked else None,
        )
    ]
