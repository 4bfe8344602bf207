"""One `map`: open, intake, seal, with the items made on the caller's side and kept on the engine's. What is short goes
in one transaction instead."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from stook.core.errors import StookError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Sequence

    from stook.core.policy import TaskPolicy
    from stook.engine.intake import Intake
    from stook.engine.service import Block, Engine, Options

__all__ = ["Submission"]

T = TypeVar("T")
log = logging.getLogger("stook.submit")


class _Call(Protocol):
    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T: ...


class _AsyncCall(Protocol):
    async def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T: ...


async def _here(coroutine: Coroutine[Any, Any, T]) -> T:
    return await coroutine


class Submission:
    """When the items or the store fail half way, what was submitted is given up, and the error goes on.

    Blocks that are a list are known as a whole: then the idempotency key stands for their content, too.
    """

    def __init__(self, engine: Engine, task: str, policy: TaskPolicy, options: Options) -> None:
        self._engine = engine
        self._task = task
        self._policy = policy
        self._options = options

    def run(self, blocks: Iterable[Block], call: _Call) -> bytes:
        """`blocks` are made in this thread."""
        batch_id, intake = call(self._begin(blocks if isinstance(blocks, list) else None))
        if intake is None:
            return batch_id
        try:
            for block in blocks:
                call(intake.add(block.payloads, block.keys, block.dedupe, block.tags))
            call(self._end(batch_id, intake))
        except BaseException as error:
            call(self._give_up(batch_id, intake, error))
            raise
        return batch_id

    async def run_async(self, blocks: Iterable[Block] | AsyncIterator[Block], call: _AsyncCall = _here) -> bytes:
        """`blocks` are made on this loop."""
        batch_id, intake = await call(self._begin(blocks if isinstance(blocks, list) else None))
        if intake is None:
            return batch_id
        try:
            async for block in blocks if isinstance(blocks, AsyncIterator) else _as_async(blocks):
                await call(intake.add(block.payloads, block.keys, block.dedupe, block.tags))
            await call(self._end(batch_id, intake))
        except BaseException as error:
            await call(self._give_up(batch_id, intake, error))
            raise
        return batch_id

    async def _begin(self, whole: Sequence[Block] | None) -> tuple[bytes, Intake | None]:
        options = self._options
        if options.key is not None:
            options = msgspec.structs.replace(options, digest=_digest(self._task, whole))
        if whole is not None and self._engine.fits_whole(whole):
            created = await self._engine.submit_whole(self._task, self._policy, whole, options)
        else:
            created = await self._engine.open_batch(self._task, self._policy, options)
        return created.id, None if created.sealed else await self._engine.intake(created, options)

    async def _end(self, batch_id: bytes, intake: Intake) -> None:
        await intake.finish()
        await self._engine.seal(batch_id)

    async def _give_up(self, batch_id: bytes, intake: Intake, error: BaseException) -> None:
        try:
            await intake.drop()
            await self._engine.give_up(batch_id, f"its submission failed: {error}"[:500])
            if not (await self._engine.show(batch_id)).counters.total:
                await self._engine.delete(batch_id)  # as if it had never been
        except StookError as second:  # the first error is what the caller needs to hear
            log.warning("a batch stays open until its time is over, its submission failed: %s", second)


def _digest(task: str, whole: Sequence[Block] | None) -> str:
    found = hashlib.sha256(b"%d:%s" % (whole is None, task.encode()))
    for block in whole or ():
        for place, payload in enumerate(block.payloads):
            found.update(b"%d:" % len(payload))
            found.update(payload)
            if block.keys is not None:
                found.update(block.keys[place].encode())
    return found.hexdigest()


async def _as_async(blocks: Iterable[Block]) -> AsyncIterator[Block]:
    for block in blocks:
        yield block
