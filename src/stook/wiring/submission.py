"""One `map`: open, intake, seal, with the items made on the caller's side and kept on the engine's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable

    from stook.core.policy import TaskPolicy
    from stook.engine.intake import Intake
    from stook.engine.service import Block, Engine, Options

__all__ = ["Submission"]

T = TypeVar("T")


class _Call(Protocol):
    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T: ...


class _AsyncCall(Protocol):
    async def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T: ...


async def _here(coroutine: Coroutine[Any, Any, T]) -> T:
    return await coroutine


class Submission:
    """When the items or the store fail half way, what was submitted is given up, and the error goes on."""

    def __init__(self, engine: Engine, task: str, policy: TaskPolicy, options: Options) -> None:
        self._engine = engine
        self._task = task
        self._policy = policy
        self._options = options

    def run(self, blocks: Iterable[Block], call: _Call) -> bytes:
        """`blocks` are made in this thread."""
        batch_id, intake = call(self._begin())
        if intake is None:
            return batch_id
        try:
            for block in blocks:
                call(intake.add(block.payloads, block.keys, block.dedupe))
            call(self._end(batch_id, intake))
        except BaseException as error:
            call(self._give_up(batch_id, intake, error))
            raise
        return batch_id

    async def run_async(self, blocks: AsyncIterator[Block], call: _AsyncCall = _here) -> bytes:
        """`blocks` are made on this loop."""
        batch_id, intake = await call(self._begin())
        if intake is None:
            return batch_id
        try:
            async for block in blocks:
                await call(intake.add(block.payloads, block.keys, block.dedupe))
            await call(self._end(batch_id, intake))
        except BaseException as error:
            await call(self._give_up(batch_id, intake, error))
            raise
        return batch_id

    async def _begin(self) -> tuple[bytes, Intake | None]:
        created = await self._engine.open_batch(self._task, self._policy, self._options)
        return created.id, None if created.sealed else await self._engine.intake(created, self._options)

    async def _end(self, batch_id: bytes, intake: Intake) -> None:
        await intake.finish()
        await self._engine.seal(batch_id)

    async def _give_up(self, batch_id: bytes, intake: Intake, error: BaseException) -> None:
        await intake.drop()
        await self._engine.give_up(batch_id, f"its submission failed: {error}"[:500])
