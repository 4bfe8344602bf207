"""Batches sent from elsewhere: whole or as a stream, once per key however often they are sent, or piece by piece.

key known? ──no──▶ create ──▶ items in ──▶ seal
     └─yes─▶ compare with what is there ──▶ go on behind it ──▶ seal
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from stook.core.errors import Conflict, KeyConflict, OptionError, StookError
from stook.engine.intake import Intake
from stook.engine.item_times import item_times
from stook.engine.options import Block
from stook.engine.recorded import Recorded
from stook.store.script.read.batch_view import show_batch
from stook.store.script.read.keyed import keyed_batch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from stook.core.policy import TaskPolicy
    from stook.engine.options import Options
    from stook.engine.service import Engine
    from stook.store.script.read.batch_view import BatchView
    from stook.store.script.read.keyed import KeyedBatch

__all__ = ["OffsetMismatch", "Received", "Receiving", "check_streamed"]

log = logging.getLogger("stook.submit")


class OffsetMismatch(msgspec.Struct, frozen=True):
    """`expected` is where the next append begins; `index` the first item that differs from what is there, if any."""

    expected: int
    index: int | None = None


class Received(NamedTuple):
    batch_id: bytes
    created: bool


class _Next(Intake):
    """Takes the items behind those the batch has, without being given these again."""

    _skip = 0

    def __init__(self, engine: Engine, batch_id: bytes, *, at: int, run_at: int | None, expires_at: int | None) -> None:
        super().__init__(engine.store, engine.blobs, batch_id, at=at, run_at=run_at, expires_at=expires_at)
        self._skip = 0


class Receiving:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def whole(
        self, task: str, policy: TaskPolicy, blocks: Sequence[Block], options: Options, *, sealed: bool = True
    ) -> Received:
        """All items are at hand. `options.digest` stands for them where items may be left out (dedupe keys); without,
        another submission of the key is compared item by item."""
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
    ) -> Received:
        """When `blocks` fail nothing stays of a batch made here, unless it has a key and it was the connection that
        failed (`ConnectionError`): sent again, it goes on where it stopped. Other content under the key is a
        `KeyConflict` that says what differs."""
        first, ended = await self._first(blocks)
        if ended:
            return await self.whole(task, policy, first, options, sealed=sealed)
        return await self._streamed(task, policy, _each(first, blocks), options, sealed=sealed)

    async def _streamed(
        self, task: str, policy: TaskPolicy, blocks: AsyncIterator[Block], options: Options, *, sealed: bool
    ) -> Received:
        found = await self._find(options.key)
        if found is None:
            created = await self._engine.open_batch(task, policy, options)
            if created.created:
                await self._fill(created.id, blocks, options, sealed=sealed)
                return Received(created.id, created=True)
            found = await self._find(options.key)
            assert found is not None
        await self._continue(found, task, blocks, options, sealed=sealed)
        return Received(found.id, created=False)

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
        if offset > view.counters.total:
            return OffsetMismatch(view.counters.total)
        run_at, expires_at = await item_times(self._engine.store, options)
        intake = _Next(self._engine, batch_id, at=view.counters.total, run_at=run_at, expires_at=expires_at)
        recorded = Recorded(self._engine.store, batch_id, offset)
        at = offset
        try:
            async for block in blocks:
                known = min(max(0, view.counters.total - at), len(block.payloads))
                if known:
                    wrong = await recorded.difference(
                        block.payloads[:known], None if block.keys is None else block.keys[:known]
                    )
                    if wrong is not None:
                        await intake.drop()
                        return OffsetMismatch(view.counters.total, wrong)
                await intake.add(block.payloads[known:], None if block.keys is None else block.keys[known:])
                at += len(block.payloads)
            await intake.finish()
        except Conflict:
            await intake.drop()
            now = await self._show(batch_id)
            if now.sealed_at is not None or now.counters.total == view.counters.total:
                raise
            return OffsetMismatch(now.counters.total)  # somebody else appended meanwhile
        except BaseException:
            await intake.drop()
            raise
        return None

    async def _fill(self, batch_id: bytes, blocks: AsyncIterator[Block], options: Options, *, sealed: bool) -> None:
        intake = None
        try:
            run_at, expires_at = await item_times(self._engine.store, options)
            intake = _Next(self._engine, batch_id, at=0, run_at=run_at, expires_at=expires_at)
            async for block in blocks:
                await intake.add(block.payloads, block.keys, block.dedupe)
            await intake.finish()
            if sealed:
                await self._engine.seal(batch_id)
        except BaseException as error:
            if intake is not None:
                await intake.drop()
            if options.key is None or not isinstance(error, ConnectionError):
                await self._give_up(batch_id, error)
            raise

    async def _continue(
        self, found: KeyedBatch, task: str, blocks: AsyncIterator[Block], options: Options, *, sealed: bool
    ) -> None:
        if found.task != task:
            raise _other(options, f"it is of the task {found.task!r}")
        if found.digest is not None or options.digest is not None:
            if found.digest != options.digest:
                raise _other(options, "its items or its dedupe keys are others")
            if not found.sealed:
                raise Conflict(
                    f"the batch of key {options.key!r} is still being submitted", hint="try again in a moment"
                )
            return
        run_at, expires_at = await item_times(self._engine.store, options)
        intake = _Next(self._engine, found.id, at=found.total, run_at=run_at, expires_at=expires_at)
        try:
            async for block in self._unseen(found, blocks, options, sealed=sealed):
                await intake.add(block.payloads, block.keys)
            await intake.finish()
        except BaseException:
            await intake.drop()
            raise
        if sealed and not found.sealed:
            await self._engine.seal(found.id)

    async def _unseen(
        self, found: KeyedBatch, blocks: AsyncIterator[Block], options: Options, *, sealed: bool
    ) -> AsyncIterator[Block]:
        """What comes behind the items the batch has, which must be the same."""
        recorded = Recorded(self._engine.store, found.id)
        at = 0
        async for block in blocks:
            known = min(max(0, found.total - at), len(block.payloads))
            keys = block.keys
            wrong = await recorded.difference(block.payloads[:known], None if keys is None else keys[:known])
            if wrong is not None:
                raise _other(options, f"item {wrong} is another one", index=wrong)
            at += len(block.payloads)
            if known < len(block.payloads):
                if found.sealed:
                    raise _other(options, f"it has {found.total} items, these are more", index=found.total)
                yield Block(block.payloads[known:], None if keys is None else keys[known:])
        if at < found.total and sealed:
            raise _other(options, f"it has {found.total} items, these are {at}", index=at)

    async def _find(self, key: str | None) -> KeyedBatch | None:
        return None if key is None else await self._engine.store.read(keyed_batch, self._engine.project, key)

    async def _show(self, batch_id: bytes) -> BatchView:
        return await self._engine.store.read(show_batch, batch_id)

    async def _give_up(self, batch_id: bytes, error: BaseException) -> None:
        try:
            await self._engine.give_up(batch_id, f"its submission failed: {error}"[:500])
            view = await self._show(batch_id)
            if view.state.terminal and not view.counters.succeeded + view.counters.failed:
                await self._engine.delete(batch_id)  # as if it had never been
        except StookError as second:  # the first error is what the caller needs to hear
            log.warning("a batch stays open until its time is over, its submission failed: %s", second)


def check_streamed(options: Options, dedupe_key: str | None) -> None:
    """What a stream cannot promise."""
    if options.key is not None and dedupe_key is not None:
        raise OptionError(
            "a streamed batch has an Idempotency-Key or a dedupe_key, not both: items left out cannot be compared",
            hint="send the items as application/json",
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
