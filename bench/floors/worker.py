"""How fast one Python process can be on the block storage: payloads decoded, a handler called, results encoded.

puller ──▶ ready ──▶ 200 consumers, each awaiting one handler after another ──▶ finished ──▶ settler
          (slices)   or 2 that pass whole slices to a batched handler          (slices)
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from bench.floors.blocks import CLAIM, CLOSED, SCHEMA, SETTLE, SLICE, encoded, joined, load
from bench.probe import Ask, Figures, answer, result

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

CONSUMERS = 200
STATES = b"\1" * SLICE

decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode


class Slice:
    __slots__ = ("high", "left", "low", "results", "token")

    def __init__(self, token: uuid.UUID, low: int, high: int) -> None:
        self.token, self.low, self.high = token, low, high
        self.left = high - low
        self.results = [b""] * self.left


class Drain:
    """`ready` holds (slice, position, payload), or (slice, -1, all its payloads) for batched handlers."""

    def __init__(self, *, batched: bool) -> None:
        self.batched = batched
        self.ready: deque[tuple[Slice, int, Any]] = deque()
        self.refill_below = 2 if batched else SLICE
        self.some = asyncio.Event()
        self.room = asyncio.Event()
        self.finished: asyncio.Queue[Slice] = asyncio.Queue()

    async def pull(self, connection: asyncpg.Connection) -> None:
        claim = await connection.prepare(CLAIM)
        while True:
            token = uuid.uuid4()
            found = await claim.fetchrow(SLICE, token)
            if found is None:
                return
            slice_ = Slice(token, found["low"], found["high"])
            payloads = decode(found["payloads"])
            if self.batched:
                self.ready.append((slice_, -1, payloads))
            else:
                self.ready.extend((slice_, position, payload) for position, payload in enumerate(payloads))
            self.some.set()
            if len(self.ready) > 2 * self.refill_below:
                self.room.clear()
                await self.room.wait()

    async def settle(self, connection: asyncpg.Connection, n: int) -> None:
        statement = await connection.prepare(SETTLE)
        for _ in range(n // SLICE):
            done = await self.finished.get()
            await statement.fetch(done.token, done.low, done.high, SLICE, STATES, joined(done.results))

    def finish(self, slice_: Slice, position: int, value: Any) -> None:
        slice_.results[position] = encode(value)
        slice_.left -= 1
        if not slice_.left:
            self.finished.put_nowait(slice_)

    async def next(self) -> tuple[Slice, int, Any]:
        while not self.ready:
            self.some.clear()
            self.room.set()
            await self.some.wait()
        if len(self.ready) <= self.refill_below:
            self.room.set()
        return self.ready.popleft()

    async def consume(self, handler: Callable[[Any], Coroutine[Any, Any, Any]]) -> None:
        while True:
            slice_, position, payload = await self.next()
            if self.batched:
                for index, value in enumerate(await handler(payload)):
                    self.finish(slice_, index, value)
                await asyncio.sleep(0)  # a slice of no-ops never waits: let puller and settler run
            else:
                self.finish(slice_, position, await handler(payload))


async def one(payload: dict[str, Any]) -> dict[str, Any]:
    return result(payload)


async def many(payloads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [result(payload) for payload in payloads]


async def submit(ask: Ask) -> Figures:
    """Encoding is on the clock here."""
    connection = await asyncpg.connect(ask.target)
    await connection.execute(SCHEMA)
    start = time.perf_counter()
    await load(connection, ask.n, encoded(ask.n))
    taken = time.perf_counter() - start
    await connection.close()
    return {"rate": ask.n / taken}


async def drained(ask: Ask, *, batched: bool) -> Figures:
    pulling, settling = [await asyncpg.connect(ask.target) for _ in range(2)]
    await pulling.execute(SCHEMA)
    await load(pulling, ask.n, encoded(ask.n))
    await pulling.execute("ANALYZE")
    drain = Drain(batched=batched)
    consumers = (
        [drain.consume(many), drain.consume(many)] if batched else [drain.consume(one) for _ in range(CONSUMERS)]
    )
    start = time.perf_counter()
    tasks = [asyncio.create_task(work) for work in (drain.pull(pulling), *consumers)]
    await drain.settle(settling, ask.n)
    taken = time.perf_counter() - start
    for task in tasks:
        task.cancel()
    assert await settling.fetchval(CLOSED) == 1
    await asyncio.gather(*tasks, return_exceptions=True)
    await pulling.close()
    await settling.close()
    return {"rate": ask.n / taken}


async def drain_pool(ask: Ask) -> Figures:
    return await drained(ask, batched=False)


async def drain_batched(ask: Ask) -> Figures:
    return await drained(ask, batched=True)


if __name__ == "__main__":
    answer({"submit": submit, "drain_pool": drain_pool, "drain_batched": drain_batched})
