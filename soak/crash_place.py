"""Six items in two chunks, and short words for what is done with them, in the process that dies and in the next."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from soak.journal import now
from stook.core.chunk import make_chunk
from stook.core.errors import Conflict, NotFound
from stook.core.item_digest import DIGEST_BYTES
from stook.core.outcome import Settlement, Trouble
from stook.core.policy import FailurePolicy, RetryPolicy, TaskPolicy
from stook.store.script.claim import Ask, claim
from stook.store.script.errands import run_errands
from stook.store.script.settle import settle
from stook.store.script.submit import NewBatch, append, create_batch, seal, submit
from stook.store.script.sweep import end_overdue, expire_leases, expire_waiting, lose_workers, promote_due
from stook.store.script.wake import wake_due

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.core.chunk import Chunk
    from stook.core.work import Slice
    from stook.store.port import Store
    from stook.store.statement import Script
    from stook.wiring.session import Session

__all__ = ["BATCH", "DOOMED", "NEXT", "OTHER", "Place"]

BATCH: Final = bytes.fromhex("0192f0c17b7e70008a2b3c4d00000000")
OTHER: Final = bytes.fromhex("0192f0c17b7f70008a2b3c4d00000000")
DOOMED: Final = "doomed"
"""The worker whose process dies."""
NEXT: Final = "next"
_PER: Final = 3
_TURNS: Final = 400
_SWEEPS: Final = (run_errands, promote_due, expire_leases, expire_waiting, end_overdue, wake_due)


class Place:
    def __init__(self, session: Session, store: Store | None = None) -> None:
        self.session = session
        self.store = session.store if store is None else store
        self._dice = random.Random()

    async def write(self, verb: Callable[..., Script[Any]], *args: Any, **options: Any) -> Any:
        return await self.store.write(verb, *args, **options)

    async def again(self, verb: Callable[..., Script[Any]], *args: Any, **options: Any) -> Any:
        """What a caller without an answer does: the same once more. That it is over already is an answer too."""
        with contextlib.suppress(Conflict, NotFound):
            return await self.write(verb, *args, **options)

    # ---------------------------------------------------------------------------------------------------- intake

    def new(self, *, batch_id: bytes = BATCH, key: str | None = None, **options: Any) -> NewBatch:
        failures = options.pop("failures", FailurePolicy())
        policy = TaskPolicy(max_attempts=2, retry=RetryPolicy(backoff="fixed", base=0.01), failures=failures)
        return NewBatch(
            id=batch_id,
            project=self.session.settings.project,
            task="crash",
            queue="default",
            name="crash",
            policy=msgspec.json.encode(policy).decode(),
            key=key,
            **options,
        )

    @staticmethod
    def chunks(
        start: int = 0, stop: int = 6, *, keyed: bool = False, dedupe: bool = False, digests: bool = False
    ) -> list[Chunk]:
        made = []
        for at in range(start, stop, _PER):
            numbers = range(at, min(stop, at + _PER))
            names = [f"k{number}" for number in numbers]
            made.append(
                make_chunk(
                    [b"%d" % number for number in numbers],
                    keys=names if keyed else None,
                    dedupe=list(names) if dedupe else None,
                    digests=bytes(DIGEST_BYTES * len(numbers)) if digests else None,
                )
            )
        return made

    async def submitted(self, *, run_at: int | None = None, expires_at: int | None = None, **options: Any) -> None:
        await self.write(submit, self.new(**options), self.chunks(), run_at=run_at, expires_at=expires_at)

    async def opened(
        self, count: int, *, keyed: bool = False, dedupe: bool = False, digests: bool = False, **options: Any
    ) -> None:
        await self.write(create_batch, self.new(**options))
        at = None if dedupe else 0
        await self.write(append, BATCH, self.chunks(0, count, keyed=keyed, dedupe=dedupe, digests=digests), at=at)

    async def sealed(self) -> None:
        await self.write(seal, BATCH)

    # ---------------------------------------------------------------------------------------------------- working

    async def take(
        self, items: int, *, worker: str = DOOMED, lease: int = 60_000_000, task: str = "crash"
    ) -> list[Slice]:
        """`lease` in microseconds; negative: it has lapsed already."""
        claimed = await self.write(
            claim,
            Ask(
                worker=worker,
                tasks=[task],
                items=items,
                slices=items,
                idle=True,
                lease_until=lambda at: at + lease,
                tokens=lambda: self._dice.getrandbits(62),
            ),
        )
        slices: list[Slice] = claimed.slices
        return slices

    @staticmethod
    def trouble(kind: Any, offset: int, **options: Any) -> Trouble:
        return Trouble(
            offset, kind, type="Crash", message="crash", fingerprint="crash", code="handler_error", **options
        )

    @staticmethod
    def failed(offset: int) -> Trouble:
        return Place.trouble("failed", offset, retryable=False)

    async def settle(self, slices: Sequence[Slice], *, troubles: Sequence[Trouble] = (), most: int = 100) -> None:
        """All of these but at most `most` of each succeed; `troubles` are of the first slice."""
        settlements = []
        for place, one in enumerate(slices):
            bad = list(troubles) if place == 0 else []
            good = [offset for offset in one.offsets if offset not in {trouble.offset for trouble in bad}][:most]
            results = [b"%d" % (one.first + offset) for offset in good]
            settlements.append(Settlement(one.token, one.batch_id, good, results, [1] * len(good), bad))
        await self.write(settle, settlements, random.random)

    async def drain(self) -> None:
        """What the next process does: buries the dead, sweeps, claims, settles, until the batch has ended."""
        for _ in range(_TURNS):
            await self.write(lose_workers, [DOOMED])
            for sweep in _SWEEPS:
                await self.write(sweep)
            slices = await self.take(100, worker=NEXT)
            if slices:
                await self.settle(slices)
            elif (await self.session.engine.show(BATCH)).state.terminal:
                return
            else:
                await asyncio.sleep(0.005)  # a retry's back-off

    async def states(self) -> Counter[str]:
        found: Counter[str] = Counter()
        async for rows in self.session.engine.results(BATCH):
            for row in rows:
                own = row.result in (None, row.input)
                found[row.state.name if own else f"{row.state.name} with {row.result!r} for {row.input!r}"] += 1
        return found

    @staticmethod
    def now(after: int = 0) -> int:
        return now() + after
