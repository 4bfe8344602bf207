"""The use cases: what every edge (library, command line, servers) calls. Edges translate, this decides."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.errors import OptionError
from stook.core.ids import BatchIds
from stook.engine.feed import Feeds
from stook.engine.intake import Intake
from stook.engine.reading import Reading
from stook.engine.singles import Single, Singles
from stook.store.script.cancel_items import CancelledItems, cancel_items
from stook.store.script.clock import read_clock
from stook.store.script.delete import delete
from stook.store.script.pause import pause, resume
from stook.store.script.quota import set_batch_limit, set_quota
from stook.store.script.retry import retry
from stook.store.script.stop import cancel, give_up
from stook.store.script.submit import Created, NewBatch, create_batch, seal

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from stook.core.policy import TaskPolicy
    from stook.core.retry_scope import RetryScope
    from stook.engine.blobs import Blobs
    from stook.store.port import Store

__all__ = ["Block", "Engine", "Options"]

OPEN_SECONDS = 24 * 3600.0
"""How long an unfinished submission may lie before it is given up."""


class Options(msgspec.Struct, kw_only=True, frozen=True):
    """How a batch is submitted. Durations in seconds; `run_at` in microseconds since the epoch."""

    name: str | None = None
    key: str | None = None
    digest: str | None = None
    priority: int = 0
    max_concurrency: int | None = None
    run_at: int | None = None
    delay: float | None = None
    expires_in: float | None = None
    deadline: float | None = None
    metadata: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.run_at is not None and self.delay is not None:
            raise OptionError("give run_at or delay, not both")
        if self.max_concurrency is not None and self.max_concurrency < 1:
            raise OptionError(f"max_concurrency={self.max_concurrency} is less than 1", hint="pause the batch instead")
        if not -(2**31) <= self.priority < 2**31:
            raise OptionError(f"priority={self.priority} does not fit 32 bits")
        for name in ("delay", "expires_in", "deadline"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 10**9:
                raise OptionError(f"{name}={value!r} is not a number of seconds ≥ 0")


class Block(msgspec.Struct, gc=False):
    """Consecutive items as they are read: payloads as JSON, the caller's ids and dedupe keys where given."""

    payloads: Sequence[bytes]
    keys: Sequence[str] | None = None
    dedupe: Sequence[str | None] | None = None


class Engine(Reading):
    """One project's view of a store. All methods are safe to call again after a lost answer."""

    def __init__(self, store: Store, blobs: Blobs, *, project: str = "default") -> None:
        super().__init__(store, blobs, project)
        self.feeds = Feeds(store)
        self._ids = BatchIds(lambda: time.time_ns() // 1_000_000, secrets.randbits)
        self._singles = Singles(store, blobs, self._ids)

    async def open_batch(self, task: str, policy: TaskPolicy, options: Options) -> Created:
        """An open batch to append to, or the one its key already stands for."""
        now = await self.store.read(read_clock)
        new = NewBatch(
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
            metadata=None if options.metadata is None else msgspec.json.encode(options.metadata).decode(),
            deadline_at=None if options.deadline is None else now + round(options.deadline * 1_000_000),
            open_until=now + round(OPEN_SECONDS * 1_000_000),
        )
        if policy.max_concurrency is not None:
            await self.store.write(set_quota, "task", self.project, task, policy.max_concurrency)
        return await self.store.write(create_batch, new)

    async def intake(self, created: Created, options: Options) -> Intake:
        """Where the batch's items go; begins behind those it has."""
        run_at, expires_at = await self._times(options)
        return Intake(self.store, self.blobs, created.id, at=created.total, run_at=run_at, expires_at=expires_at)

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
        run_at, expires_at = await self._times(options)
        if policy.max_concurrency is not None:
            await self.store.write(set_quota, "task", self.project, task, policy.max_concurrency)
        single = Single(
            self.project,
            task,
            policy.queue,
            msgspec.json.encode(policy).decode(),
            options.priority,
            run_at,
            expires_at,
            None if options.metadata is None else msgspec.json.encode(options.metadata).decode(),
        )
        return await self._singles.submit(single, payload, dedupe)

    async def wait_for_item(self, batch_id: bytes, index: int) -> None:
        """Returns once the item has ended; one reader per batch serves all who wait."""
        await self.feeds.item(batch_id, index)

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
        return await self.store.write(retry, batch_id, scope, probe=probe)

    async def delete(self, batch_id: bytes) -> None:
        """Out of sight at once; maintenance removes the rows."""
        await self.store.write(delete, batch_id)

    async def limit(self, batch_id: bytes, max_concurrency: int | None) -> None:
        await self.store.write(set_batch_limit, batch_id, max_concurrency)

    async def _times(self, options: Options) -> tuple[int | None, int | None]:
        if options.delay is None and options.expires_in is None:
            return options.run_at, None
        now = await self.store.read(read_clock)
        run_at = options.run_at if options.delay is None else now + round(options.delay * 1_000_000)
        return run_at, None if options.expires_in is None else now + round(options.expires_in * 1_000_000)
