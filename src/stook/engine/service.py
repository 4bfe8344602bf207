"""The use cases: what every edge (library, command line, servers) calls. Edges translate, this decides."""

from __future__ import annotations

import contextlib
import secrets
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from stook.core.ids import BatchIds, execution_id
from stook.core.lanes import Laner
from stook.core.states import State
from stook.engine.feed import Feeds
from stook.engine.intake import BITE_BYTES, BITE_ITEMS, Chunker, Intake
from stook.engine.invoking import Invokes
from stook.engine.item_times import item_times
from stook.engine.names import check_name, check_project, check_task
from stook.engine.options import Block, Options
from stook.engine.singles import Single, Singles, put_extras
from stook.engine.triggers import Triggering
from stook.store.script.batch_row import read_batch
from stook.store.script.clock import read_clock
from stook.store.script.read.execution_view import has_past
from stook.store.script.stop import give_up
from stook.store.script.submit import Created, NewBatch, create_batch, seal, submit

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterator, Mapping, Sequence

    from stook.core.extras import ItemExtras
    from stook.core.policy import TaskPolicy
    from stook.core.tally import Tally
    from stook.engine.blobs import Blobs
    from stook.engine.publishing import Published
    from stook.store.port import Store
    from stook.store.script.hosted_place import HostedPlace
    from stook.store.script.single import Place
    from stook.store.script.ticket import Ticket

__all__ = ["Block", "Engine", "Options", "Success"]

OPEN_SECONDS = 24 * 3600.0
"""How long an unfinished submission may lie before it is given up."""


class Success(NamedTuple):
    """How an execution ended: its number in the order of outcomes, times in microseconds."""

    result: bytes
    settle: int
    round: int
    attempt: int
    duration: int
    finished_at: int


class Engine(Triggering):
    """One project's view of a store. All methods are safe to call again after a lost answer."""

    def __init__(self, store: Store, blobs: Blobs, *, project: str = "default") -> None:
        check_project(project)
        super().__init__(store, blobs, project)
        self.feeds = Feeds(store, self.check_workers)
        self._ids = BatchIds(lambda: time.time_ns() // 1_000_000, secrets.randbits)
        self.singles = Singles(store, blobs, self._ids)
        self.invokes = Invokes(self)
        self.tally: Tally | None = None

    def new_id(self) -> bytes:
        """Of a batch to be; greater than all that were made here before."""
        return self._ids()

    async def open_batch(self, task: str, policy: TaskPolicy, options: Options) -> Created:
        """An open batch to append to, or the one its key already stands for."""
        now = await self.store.read(read_clock)
        new = self._new_batch(task, policy, options, now)
        new.open_until = now + round(OPEN_SECONDS * 1_000_000)
        await self.quotas.declare(task, policy.max_concurrency)
        with self._published(new) as published:
            created = await self.store.write(create_batch, new)
            if published is not None:
                published.stored(execution_id(created.id, 0), None)
        return created

    def fits_whole(self, blocks: Sequence[Block]) -> bool:
        """Few and small enough for `submit_whole`."""
        sizes = [len(payload) for block in blocks for payload in block.payloads]
        return len(sizes) <= BITE_ITEMS and sum(sizes) <= BITE_BYTES and max(sizes, default=0) <= self.blobs.inline

    async def submit_whole(
        self,
        task: str,
        policy: TaskPolicy,
        blocks: Sequence[Block],
        options: Options,
        *,
        hosted: HostedPlace | None = None,
        extras: Mapping[int, ItemExtras] | None = None,
    ) -> Created:
        """A whole batch in one transaction: there and sealed, or not there at all. The key of an earlier call: that
        batch as it is, which may still be open. `extras` by index, of a batch without dedupe keys. Of a hosted one
        `ExternalIdsHeld` says whose its external ids are."""
        now = await self.store.read(read_clock) if options.deadline is not None else 0
        run_at, expires_at = await item_times(self.store, options)
        new = self._new_batch(task, policy, options, now)
        new.hosted = hosted
        chunker = Chunker(self.blobs, new.id, digests=options.key is not None, laner=Laner(policy))
        chunks = [
            made
            for block in _joined(blocks)
            for made in await chunker.cut(block.payloads, block.keys, block.dedupe, block.tags)
        ]
        put_extras(chunks, extras or {})
        await self.quotas.declare(task, policy.max_concurrency)
        with self._published(new) as published:
            created = await self.store.write(submit, new, chunks, run_at=run_at, expires_at=expires_at)
            if published is not None:
                published.stored(execution_id(created.id, 0), created.total)
        return created

    async def intake(self, created: Created, options: Options) -> Intake:
        """Where the batch's items go; begins behind those its submission has consumed."""
        run_at, expires_at = await item_times(self.store, options)
        return Intake(
            self.store,
            self.blobs,
            created.id,
            at=created.consumed,
            run_at=run_at,
            expires_at=expires_at,
            digests=options.key is not None,
            laner=await self.laner_of(created.id),
        )

    async def laner_of(self, batch_id: bytes) -> Laner:
        """For items to come, by the policy the batch was made with."""
        return Laner((await self.store.read(read_batch, batch_id)).task_policy)

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
            await intake.add(block.payloads, block.keys, block.dedupe, block.tags)
        await intake.finish()
        await self.seal(created.id)
        return created, intake.existing

    async def give_up(self, batch_id: bytes, reason: str) -> None:
        """An unfinished submission: what it brought is cancelled, its key is free again."""
        await self.store.write(give_up, batch_id, reason=reason)

    async def submit_one(
        self,
        task: str,
        policy: TaskPolicy,
        payload: bytes,
        options: Options,
        dedupe: str | None = None,
        ticket: Ticket | None = None,
        *,
        hosted: HostedPlace | None = None,
        extras: ItemExtras | None = None,
    ) -> Place:
        """(batch, index, created). With a `ticket` the same each time, and one execution. Not created: the execution
        that holds its dedupe key, or, of a `hosted` one, the external id of its `extras`."""
        check_task(task)
        if dedupe is not None:
            check_name("dedupe_key", dedupe)
        run_at, expires_at = await item_times(self.store, options)
        await self.quotas.declare(task, policy.max_concurrency)
        laner = Laner(policy)
        lane = None if laner.idle else laner.places([payload])[0]
        single = Single(
            self.project,
            task,
            policy.queue,
            msgspec.json.encode(policy).decode(),
            options.priority,
            run_at,
            expires_at,
            options.metadata_json(),
            tuple(options.webhooks),
            ticketed=ticket is not None,
            hosted=hosted,
        )
        if self.publishing is None:
            return await self.singles.submit(single, payload, dedupe, ticket, lane, extras=extras)
        with self.publishing(task) as published:
            if published is not None:
                single = msgspec.structs.replace(single, trace=published.trace)
            batch_id, index, created = await self.singles.submit(single, payload, dedupe, ticket, lane, extras=extras)
            if published is not None:
                published.stored(execution_id(batch_id, index), 1)
        return batch_id, index, created

    async def wait_for_success(self, batch_id: bytes, index: int, since: int | None) -> Success | None:
        """As `wait_for_item`. None unless it has succeeded and this is all there is to tell of it: look. `since` as in
        `Feeds.item`."""
        block = await self.feeds.item(batch_id, index, since=since)
        place = block.offsets.index(index - block.first)
        if (
            block.state is not State.succeeded
            or place in block.blobs
            or await self.store.read(has_past, batch_id, index)
        ):
            return None
        return Success(
            result=b"null" if block.results is None else block.results[place],
            settle=block.settle + place,
            round=block.round,
            attempt=block.attempt,
            duration=block.durations[place],
            finished_at=block.finished_at,
        )

    async def wait_for_item(self, batch_id: bytes, index: int, after: int = 0) -> bytes | None:
        """Returns once the item has ended with settle number `after` or a later one; one reader per batch serves all
        who wait. Its result where it succeeded and that is at hand, else None: look."""
        block = await self.feeds.item(batch_id, index, after)
        place = block.offsets.index(index - block.first)
        if block.state is not State.succeeded or place in block.blobs:
            return None
        return b"null" if block.results is None else block.results[place]

    @contextlib.contextmanager
    def _published(self, new: NewBatch) -> Iterator[Published | None]:
        if self.publishing is None:
            yield None
            return
        with self.publishing(new.task) as published:
            if published is not None:
                new.trace = published.trace
            yield published

    def _new_batch(self, task: str, policy: TaskPolicy, options: Options, now: int) -> NewBatch:
        check_task(task)
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
            webhooks=tuple(options.webhooks),
            deadline_at=None if options.deadline is None else now + round(options.deadline * 1_000_000),
        )


def _joined(blocks: Sequence[Block]) -> Sequence[Block]:
    """As one, so that chunks are as large as they may be; what comes in large blocks has large chunks."""
    if len(blocks) < 2 or len(blocks[0].payloads) >= BITE_ITEMS:  # noqa: PLR2004
        return blocks
    keyed, marked = blocks[0].keys is not None, blocks[0].dedupe is not None
    return [
        Block(
            [payload for block in blocks for payload in block.payloads],
            [key for block in blocks for key in block.keys or ()] if keyed else None,
            [mark for block in blocks for mark in block.dedupe or ()] if marked else None,
            [tags for block in blocks for tags in block.tags or ()] if blocks[0].tags is not None else None,
        )
    ]
