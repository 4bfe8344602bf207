"""Batches sent from elsewhere: whole or as a stream, once per key however often they are sent, or piece by piece.

key known? ──no──▶ create ──▶ items in ──▶ seal
     └─yes─▶ compare with what is there ──▶ go on behind it ──▶ seal
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from stook.core.errors import Conflict, KeyConflict, StookError
from stook.engine.intake import Intake
from stook.engine.item_times import item_times
from stook.engine.options import Block, behind
from stook.engine.recorded import Recorded
from stook.store.script.read.batch_view import show_batch
from stook.store.script.read.keyed import keyed_batch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from stook.core.lanes import Laner
    from stook.core.policy import TaskPolicy
    from stook.engine.options import Options
    from stook.engine.service import Engine
    from stook.store.script.read.batch_view import BatchView
    from stook.store.script.read.keyed import KeyedBatch

__all__ = ["Contended", "OffsetMismatch", "Received", "Receiving"]

PAUSES: Final = (0.1, 0.5, 2.0, 10.0, 60.0, 600.0)
"""Seconds before each further try to give up what could not be."""

log = logging.getLogger("stook.submit")


class OffsetMismatch(msgspec.Struct, frozen=True):
    """`expected` is where the next append begins; `index` the first item that differs from what is there, if any."""

    expected: int
    index: int | None = None


class Received(NamedTuple):
    batch_id: bytes
    created: bool


class Contended(msgspec.Struct, frozen=True):
    """Another submission under the key is under way, or ended this moment: the same again goes on behind it."""

    batch_id: bytes


class Receiving:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._giving_up: set[asyncio.Task[None]] = set()

    async def whole(
        self, task: str, policy: TaskPolicy, blocks: Sequence[Block], options: Options, *, sealed: bool = True
    ) -> Received | Contended:
        """All items are at hand. Another submission of the key is compared item by item, also with those that were left
        out for their dedupe keys."""
        engine = self._engine
        if await self._find(options.key) is None and sealed and engine.fits_whole(blocks):
            try:
                created = await engine.submit_whole(task, policy, blocks, options)
            except KeyConflict:
                created = None  # somebody else's, this very moment
            if created is not None and created.created:
                return Received(created.id, created=True)
        return await self._streamed(task, policy, _each(blocks), options, sealed=sealed)

    async def stream(
        self, task: str, policy: TaskPolicy, blocks: AsyncIterator[Block], options: Options, *, sealed: bool = True
    ) -> Received | Contended:
        """When `blocks` fail nothing stays of a batch made here, unless it has a key and it was the connection that
        failed (`ConnectionError`): sent again, it goes on where it stopped. Other content under the key is a
        `KeyConflict` that says what differs."""
        first, ended = await self._first(blocks)
        if ended:
            return await self.whole(task, policy, first, options, sealed=sealed)
        return await self._streamed(task, policy, _each(first, blocks), options, sealed=sealed)

    async def _streamed(
        self, task: str, policy: TaskPolicy, blocks: AsyncIterator[Block], options: Options, *, sealed: bool
    ) -> Received | Contended:
        found = await self._find(options.key)
        if found is None:
            created = await self._engine.open_batch(task, policy, options)
            if created.created:
                if await self._fill(created.id, blocks, options, sealed=sealed):
                    return Received(created.id, created=True)
                return Contended(created.id)
            found = await self._find(options.key)
            assert found is not None
        if await self._continue(found, task, blocks, options, sealed=sealed):
            return Received(found.id, created=False)
        return Contended(found.id)

    async def _first(self, blocks: AsyncIterator[Block]) -> tuple[list[Block], bool]:
        """What one transaction can hold, before anything is written: of a short stream all, and then True."""
        first: list[Block] = []
        while self._engine.fits_whole(first):
            block = await anext(blocks, None)
            if block is None:
                return first, True
            first.append(block)
        return first, False

    async def append(
        self, batch_id: bytes, offset: int, blocks: AsyncIterator[Block], options: Options
    ) -> OffsetMismatch | None:
        """Items that begin at `offset`. Those the batch already has are compared and passed over. Of `options` only the
        times of items count."""
        view = await self._show(batch_id)
        there = view.consumed
        if offset > there:
            return OffsetMismatch(there)
        run_at, expires_at = await item_times(self._engine.store, options)
        intake = self._behind(batch_id, there, run_at, expires_at, await self._engine.laner_of(batch_id))
        recorded = Recorded(self._engine.store, batch_id, offset)
        marked = await Recorded(self._engine.store, batch_id).has_digests()
        at = offset
        try:
            async for block in blocks:
                known = min(max(0, there - at), len(block.payloads))
                if known:
                    wrong = await _difference(recorded, block, known)
                    if wrong is not None:
                        await intake.drop()
                        return OffsetMismatch(there, wrong)
                left = behind(block, known)
                dedupe = [None] * len(left.payloads) if marked and left.dedupe is None else left.dedupe
                await intake.add(left.payloads, left.keys, dedupe, left.tags)
                at += len(block.payloads)
            await intake.finish()
        except Conflict:
            await intake.drop()
            now = await self._show(batch_id)
            if now.consumed == there:
                raise
            return OffsetMismatch(now.consumed)  # somebody else appended meanwhile, and may have sealed it
        except BaseException:
            await intake.drop()
            raise
        return None

    async def _fill(self, batch_id: bytes, blocks: AsyncIterator[Block], options: Options, *, sealed: bool) -> bool:
        """False: somebody else goes on with it."""
        intake = None
        try:
            run_at, expires_at = await item_times(self._engine.store, options)
            intake = self._behind(batch_id, 0, run_at, expires_at, await self._engine.laner_of(batch_id))
            async for block in blocks:
                await intake.add(block.payloads, block.keys, block.dedupe, block.tags)
            await intake.finish()
            if sealed:
                await self._engine.seal(batch_id)
        except BaseException as error:
            if intake is not None:
                await intake.drop()
            if isinstance(error, Conflict) and await self._find(options.key) is not None:
                return False
            if options.key is None or not isinstance(error, ConnectionError):
                await self._give_up(batch_id, error)
            raise
        return True

    async def _continue(
        self, found: KeyedBatch, task: str, blocks: AsyncIterator[Block], options: Options, *, sealed: bool
    ) -> bool:
        """False: somebody else was quicker."""
        if found.task != task:
            raise _other(options, f"it is of the task {found.task!r}")
        if found.digest is not None or options.digest is not None:
            if found.digest != options.digest:
                raise _other(options, "its items or its dedupe keys are others")
            return found.sealed
        run_at, expires_at = await item_times(self._engine.store, options)
        intake = self._behind(found.id, found.consumed, run_at, expires_at, await self._engine.laner_of(found.id))
        try:
            async for block in self._unseen(found, blocks, options, sealed=sealed):
                await intake.add(block.payloads, block.keys, block.dedupe, block.tags)
            await intake.finish()
        except KeyConflict:
            await intake.drop()
            raise
        except Conflict:
            await intake.drop()
            now = await self._find(options.key)
            if now is None or (now.consumed, now.sealed) == (found.consumed, found.sealed):
                raise
            return False
        except BaseException:
            await intake.drop()
            raise
        if sealed and not found.sealed:
            await self._engine.seal(found.id)
        return True

    async def _unseen(
        self, found: KeyedBatch, blocks: AsyncIterator[Block], options: Options, *, sealed: bool
    ) -> AsyncIterator[Block]:
        """What comes behind the items the batch has, which must be the same."""
        recorded = Recorded(self._engine.store, found.id)
        at = 0
        async for block in blocks:
            known = min(max(0, found.consumed - at), len(block.payloads))
            wrong = await _difference(recorded, block, known)
            if wrong is not None:
                raise _other(options, f"item {wrong} is another one", index=wrong)
            at += len(block.payloads)
            if known < len(block.payloads):
                if found.sealed:
                    raise _other(options, f"it has {found.consumed} items, these are more", index=found.consumed)
                yield behind(block, known)
        if at < found.consumed and sealed:
            raise _other(options, f"it has {found.consumed} items, these are {at}", index=at)

    def _behind(self, batch_id: bytes, at: int, run_at: int | None, expires_at: int | None, laner: Laner) -> Intake:
        engine = self._engine
        return Intake(
            engine.store,
            engine.blobs,
            batch_id,
            at=at,
            repeats=False,
            run_at=run_at,
            expires_at=expires_at,
            digests=True,
            laner=laner,
        )

    async def _find(self, key: str | None) -> KeyedBatch | None:
        return None if key is None else await self._engine.store.read(keyed_batch, self._engine.project, key)

    async def _show(self, batch_id: bytes) -> BatchView:
        return await self._engine.store.read(show_batch, batch_id)

    async def _give_up(self, batch_id: bytes, error: BaseException) -> None:
        """The first error is what the caller needs to hear, at once: where this fails too, it is tried on behind it."""
        reason = f"its submission failed: {error}"[:500]
        try:
            await self._forget(batch_id, reason)
        except (StookError, MemoryError) as second:
            log.warning("a batch whose submission failed cannot be given up, trying on: %s", second)
            trying = asyncio.create_task(self._try_on(batch_id, reason), name="stook-give-up")
            self._giving_up.add(trying)
            trying.add_done_callback(self._giving_up.discard)

    async def _try_on(self, batch_id: bytes, reason: str) -> None:
        for pause in PAUSES:
            await asyncio.sleep(pause)
            try:
                await self._forget(batch_id, reason)
            except (StookError, MemoryError):
                continue
            return
        log.warning("a batch stays open until its time is over, its submission failed")

    async def _forget(self, batch_id: bytes, reason: str) -> None:
        await self._engine.give_up(batch_id, reason)
        view = await self._show(batch_id)
        if view.state.terminal and not view.counters.succeeded + view.counters.failed:
            await self._engine.delete(batch_id)  # as if it had never been


async def _difference(recorded: Recorded, block: Block, count: int) -> int | None:
    """Of its first `count` items."""
    keys, dedupe = block.keys, block.dedupe
    return await recorded.difference(
        block.payloads[:count], None if keys is None else keys[:count], None if dedupe is None else dedupe[:count]
    )


def _other(options: Options, what: str, *, index: int | None = None) -> KeyConflict:
    return KeyConflict(
        f"key {options.key!r} already stands for a batch with other content: {what}",
        index=index,
        hint="use another key, or the same content",
    )


async def _each(blocks: Sequence[Block], more: AsyncIterator[Block] | None = None) -> AsyncIterator[Block]:
    for block in blocks:
        yield block
    if more is not None:
        async for block in more:
            yield block
