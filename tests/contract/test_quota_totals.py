"""What a project has in its queue, kept while everything happens to its items, against a count from the tables."""

from __future__ import annotations

import asyncio
import random

import pytest

from stook.core.errors import Conflict, QuotaExceeded
from stook.core.retry_scope import RetryScope
from stook.core.states import TERMINAL
from stook.engine.blobs import Blobs
from stook.engine.maintenance import Maintenance
from stook.engine.projects import Projects
from stook.store.blob_rows import BlobRows
from stook.store.script.cancel_items import cancel_items
from stook.store.script.delete import delete, purge
from stook.store.script.project import count_project
from stook.store.script.retry import retry
from stook.store.script.stop import cancel, give_up
from stook.store.script.submit import append, create_batch, seal, submit
from stook.store.script.sweep import end_overdue, expire_leases, expire_waiting, promote_due
from tests.contract.batches import chunked, drain, fail, new_batch, payloads, policy, send, submit_items, succeed, take

EVERYTHING = RetryScope(states=("failed", "cancelled", "expired"))


async def truth(store, project="default"):
    """(items, bytes) of what has not ended; of a batch's bytes the share of its items."""
    batches, states, chunks = await store.tables.fetch(
        "select id, project, phase from batch",
        "select batch_id, states from state",
        "select batch_id, payloads from chunk",
    )
    items = size = 0
    for batch_id, owner, phase in batches:
        if owner != project or phase == "deleted":
            continue
        content = b"".join(found for other, found in states if other == batch_id)
        left = sum(byte not in TERMINAL for byte in content)
        items += left
        if content:
            size += sum(len(found) for other, found in chunks if other == batch_id) * left // len(content)
    return items, size


async def kept(store, project="default"):
    shown = await Projects(store).show(project)
    return shown.queued_items, shown.queued_bytes


LIMITS = {"max_queued_items": 10**6, "max_payload_bytes": 10**9}


STEPS = (
    *("submit", "submit", "later", "keyed", "open", "more", "seal", "work", "work", "fail", "time"),
    *("cancel", "skip", "retry", "delete", "give_up"),
)


class Life:
    """Whatever can happen to a project's batches, by dice."""

    def __init__(self, store, seed):
        self.store = store
        self.dice = random.Random(seed)
        self.batches = []
        self.open_batches = []

    async def step(self):
        name = self.dice.choice(STEPS)
        try:
            await getattr(self, name)()
        except Conflict:
            return f"{name}, refused"
        return name

    def some(self):
        return self.dice.choice(self.batches) if self.batches else self.store.ids()

    def items(self):
        count = self.dice.randint(1, 9)
        sized = [b'"%s"' % (b"x" * self.dice.randint(1, 60)) for _ in range(count)]
        return chunked(sized, 4)

    async def submit(self):
        new = new_batch(self.store, policy=policy(max_attempts=2))
        await self.store.write(submit, new, self.items())
        self.batches.append(new.id)

    async def later(self):
        at = self.store.clock.after(20)
        self.batches.append(await submit_items(self.store, 4, run_at=at, expires_at=self.store.clock.after(40)))

    async def keyed(self):
        keys = [str(self.dice.randint(0, 20)) for _ in range(5)]
        self.batches.append(await submit_items(self.store, 5, dedupe=keys))

    async def open(self):
        new = new_batch(self.store, policy=policy(max_attempts=2))
        await self.store.write(create_batch, new)
        self.batches.append(new.id)
        self.open_batches.append(new.id)

    async def more(self):
        if self.open_batches:
            await self.store.write(append, self.dice.choice(self.open_batches), self.items())

    async def seal(self):
        if self.open_batches:
            await self.store.write(seal, self.open_batches.pop())

    async def work(self):
        for one in (await take(self.store, self.dice.randint(1, 8))).slices:
            await send(self.store, succeed(one, one.offsets[: self.dice.randint(1, len(one.offsets))]))

    async def fail(self):
        for one in (await take(self.store, self.dice.randint(1, 8))).slices:
            await send(self.store, fail(one, retryable=self.dice.random() < 0.5))

    async def time(self):
        self.store.clock.advance(self.dice.randint(1, 70))
        for verb in (promote_due, expire_leases, expire_waiting, end_overdue):
            await self.store.write(verb)

    async def cancel(self):
        if self.batches:
            await self.store.write(cancel, self.some(), hard=self.dice.random() < 0.5, reason="")

    async def skip(self):
        if self.batches:
            await self.store.write(cancel_items, self.some(), [0, 1, 2])

    async def retry(self):
        if self.batches:
            await self.store.write(retry, self.some(), EVERYTHING, probe=self.dice.choice([None, 1, 2]))

    async def delete(self):
        if self.batches:
            one = self.some()
            await self.store.write(delete, one)
            self.batches.remove(one)
            self.open_batches = [other for other in self.open_batches if other != one]
            if self.dice.random() < 0.5:
                while await self.store.write(purge):
                    pass

    async def give_up(self):
        if self.open_batches:
            await self.store.write(give_up, self.open_batches.pop(), reason="")


@pytest.mark.parametrize("seed", range(6))
async def test_the_queue_is_known_whatever_happens(store, seed):
    store.audited = False
    await Projects(store).change("default", **LIMITS)
    life = Life(store, seed)
    done = []
    for _ in range(70):
        done.append(await life.step())
        assert await kept(store) == await truth(store), done
    assert not await store.write(count_project, "default"), "counted again, it is the same"
    assert await kept(store) == await truth(store)
    assert len(set(done)) > 10
    await store.audit()


@pytest.mark.parametrize("seed", range(3))
async def test_what_was_there_before_the_limit_is_counted_once(store, seed):
    store.audited = False
    life = Life(store, seed)
    for _ in range(40):
        await life.step()
    await Projects(store).change("default", **LIMITS)
    assert await kept(store) == await truth(store)
    for _ in range(20):
        done = await life.step()
        assert await kept(store) == await truth(store), done
    await Projects(store).change("default", max_queued_items=None, max_payload_bytes=None)
    for _ in range(20):
        await life.step()
    (left,) = await store.tables.fetch(
        "select * from queue_change union all select project, bytes, bytes from batch_size"
    )
    assert left == [], "nobody counts any more"
    await Projects(store).change("default", max_queued_items=10**6)
    assert await kept(store) == await truth(store)


async def test_the_queue_is_known_when_much_happens_at_once(store):
    store.audited = False
    await Projects(store).change("default", **LIMITS)
    raw = store.store

    async def producer(number):
        for _ in range(5):
            new = new_batch(store)
            await raw.write(submit, new, chunked(payloads(20), 5))

    async def worker(number):
        for _ in range(25):
            slices = (await take(store, 7, worker=f"w{number}")).slices
            await send(store, *(succeed(one) for one in slices))

    async def counter():
        for _ in range(10):
            await raw.write(count_project, "default")

    await asyncio.gather(*map(producer, range(3)), *map(worker, range(4)), counter())
    assert await kept(store) == await truth(store)
    await drain(store)
    assert await kept(store) == (0, 0)
    assert not await store.write(count_project, "default")
    await store.audit()


async def test_a_limit_that_is_set_while_much_happens_is_right_after_the_next_count(store):
    store.audited = False
    raw = store.store
    batch = new_batch(store)
    await store.write(submit, batch, chunked(payloads(200), 5))

    async def producer():
        for _ in range(10):
            await raw.write(submit, new_batch(store), chunked(payloads(20), 5))

    async def worker():
        for _ in range(20):
            slices = (await take(store, 7)).slices
            await send(store, *(succeed(one) for one in slices))

    await asyncio.gather(producer(), producer(), worker(), worker(), Projects(raw).change("default", **LIMITS))
    await Maintenance(store, Blobs(BlobRows(store)), "default").count_queues()
    assert await kept(store) == await truth(store)


def _as_many_as_fit(new, chunks):
    """As verbs do that start what something else asked for."""
    try:
        yield from submit(new, chunks)
    except QuotaExceeded as error:
        return error.room
    return None


async def test_a_verb_that_goes_on_after_a_refusal_loses_no_count(store):
    await Projects(store).change("default", max_queued_items=3)
    await submit_items(store, 3)
    (one,) = (await take(store, 2)).slices
    await send(store, succeed(one))
    assert await store.write(_as_many_as_fit, new_batch(store), chunked(payloads(100))) == 2
    assert await kept(store) == await truth(store) == (1, (await truth(store))[1])
