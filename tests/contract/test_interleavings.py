"""Many workers and operators doing things in a random order, some at the same time. Afterwards nothing is lost, nothing
happened twice. The seed is in the test's name; STOOK_SEEDS=N runs N of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter

import pytest

from stook.core.errors import Conflict, NotFound
from stook.core.given_output import Form
from stook.core.policy import RetryPolicy
from stook.core.retry_scope import RetryScope
from stook.store.script.cancel_items import cancel_items
from stook.store.script.finish import finish_item
from stook.store.script.pause import pause, resume
from stook.store.script.quota import set_batch_limit
from stook.store.script.renew import renew
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from stook.store.script.submit import append, seal
from stook.store.script.sweep import end_overdue, expire_leases, expire_waiting, lose_workers, promote_due
from tests.contract.batches import batch_of, both, chunked, payloads, policy, send, submit_items, take, trouble
from tests.contract.moving_clock import SECOND

SEEDS = range(int(os.environ.get("STOOK_SEEDS", "4")))
WORKERS = "abcdef"
SWEEPS = (promote_due, expire_leases, expire_waiting, end_overdue)


class Crowd:
    """`accepted` counts what the store took for a success, by batch."""

    def __init__(self, store, seed):
        self.store = store
        self.dice = random.Random(seed)
        self.open: list[bytes] = []
        self.ids: list[bytes] = []
        self.hands: dict[str, list[tuple]] = {worker: [] for worker in WORKERS}
        self.accepted: Counter[bytes] = Counter()

    async def submit(self):
        dice, after = self.dice, self.store.clock.after
        batch_id = await submit_items(
            self.store,
            dice.randrange(1, 60),
            per=dice.choice([3, 10, 30]),
            sealed=dice.random() < 0.7,
            run_at=dice.choice([None, None, after(5)]),
            expires_at=dice.choice([None, None, after(40)]),
            deadline_at=dice.choice([None, None, None, after(90)]),
            priority=dice.randrange(3),
            max_concurrency=dice.choice([None, 4]),
            policy=policy(max_attempts=2, max_losses=2, retry=RetryPolicy(backoff="fixed", base=3)),
        )
        self.ids.append(batch_id)

    async def claim(self):
        worker = self.dice.choice(WORKERS)
        idle = not self.hands[worker]
        claimed = await take(self.store, self.dice.randrange(1, 30), slices=4, worker=worker, idle=idle, lease=15)
        self.hands[worker] += [(one, list(one.offsets)) for one in claimed.slices]

    async def settle(self):
        worker = self.dice.choice(WORKERS)
        if not self.hands[worker]:
            return
        place = self.dice.randrange(len(self.hands[worker]))
        one, left = self.hands[worker].pop(place)
        some = left if self.dice.random() < 0.6 else self.dice.sample(left, self.dice.randrange(1, len(left) + 1))
        rest = [offset for offset in left if offset not in some]
        if rest:
            self.hands[worker].append((one, rest))
        good = [offset for offset in some if self.dice.random() < 0.7]
        kinds = ["failed"] * 4 + ["lost", "released", "cancelled", "bisected"]
        bad = [
            trouble(offset, self.dice.choice(kinds), retryable=self.dice.random() < 0.8, halves=1 + offset % 2)
            for offset in some
            if offset not in good
        ]
        before = (await batch_of(self.store, one.batch_id)).succeeded if one.batch_id in self.ids else 0
        await send(self.store, both(one, good, bad))
        assert (await batch_of(self.store, one.batch_id)).succeeded >= 0 <= before

    async def disappear(self):
        """A worker dies. What it held it may still try to settle."""
        worker = self.dice.choice(WORKERS)
        if self.dice.random() < 0.5:
            self.hands[worker] = []
        await self.store.write(lose_workers, [worker])

    async def renew(self):
        tokens = [one.token for one, _ in self.hands[self.dice.choice(WORKERS)]]
        await self.store.write(renew, tokens, lambda now: now + 15 * SECOND)

    async def sweep(self):
        self.store.clock.advance(self.dice.choice([0, 1, 5, 16]))
        await self.store.write(self.dice.choice(SWEEPS), self.dice.choice([1, 3, 100]))

    async def operate(self):
        batch_id, dice, write = self.dice.choice(self.ids), self.dice, self.store.write
        match dice.randrange(11):
            case 0:
                await write(cancel, batch_id, hard=dice.random() < 0.5, reason="")
            case 1 | 2:
                await write(cancel_items, batch_id, dice.sample(range(60), 6))
            case 3:
                await write(pause, batch_id, reason="")
            case 4:
                await write(resume, batch_id, ramp=False)
            case 5 | 6:
                states = dice.choice([("failed",), ("failed", "cancelled", "expired")])
                await write(retry, batch_id, RetryScope(states), probe=dice.choice([None, 2, 5]))
            case 7:
                await write(set_batch_limit, batch_id, dice.choice([None, 1, 8]))
            case 8 | 9:
                with contextlib.suppress(NotFound):
                    await write(finish_item, batch_id, dice.randrange(60), result=b"1", form=Form.itself)
            case _:
                await write(append, batch_id, chunked(payloads(dice.randrange(1, 9)), 4))

    async def step(self):
        steps = [self.claim, self.claim, self.settle, self.settle, self.settle, self.renew, self.sweep, self.sweep]
        steps += [self.operate, self.operate, self.disappear, self.submit]
        weights = [6, 6, 6, 6, 6, 2, 4, 4, 4, 4, 1, 2]
        chosen = self.dice.choices(steps, weights, k=self.dice.choice([1, 1, 2, 4]))
        for answer in await asyncio.gather(*(one() for one in chosen), return_exceptions=True):
            if isinstance(answer, BaseException) and not isinstance(answer, Conflict):
                raise answer

    async def finish(self):
        """Everybody goes home, all batches run to their end."""
        write = self.store.write
        await write(lose_workers, list(WORKERS))
        for batch_id in self.ids:
            await write(seal, batch_id)
            if (await batch_of(self.store, batch_id)).phase == "paused":
                await write(resume, batch_id, ramp=False)
            await write(set_batch_limit, batch_id, None)
        for _ in range(200):
            claimed = await take(self.store, worker="last")
            await send(self.store, *(both(one, one.offsets, []) for one in claimed.slices))
            if not claimed.slices:
                self.store.clock.advance(10)
                if sum([await write(verb) for verb in SWEEPS]) == 0:
                    return
        raise AssertionError("it never ends")


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_the_order_everything_ends_once(store, seed):
    crowd = Crowd(store, seed)
    await crowd.submit()
    for _ in range(100):
        await crowd.step()
    await crowd.finish()
    for batch_id in crowd.ids:
        assert (await batch_of(store, batch_id)).phase == "closed"
    (rows,) = await store.tables.fetch("select count(*) from lease")
    assert rows[0][0] == 0
