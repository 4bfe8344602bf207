"""Two stores on one database, as two processes have them: what suspends, wakes, ends and remembers at the same time."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter

import pytest

from stook.core.errors import Conflict
from stook.core.retry_scope import RetryScope
from stook.core.work import Remember
from stook.store.script.cancel_items import cancel_items
from stook.store.script.errands import run_errands
from stook.store.script.pause import pause, resume
from stook.store.script.remember import remember
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from stook.store.script.sweep import end_overdue, expire_leases, lose_workers, promote_due
from stook.store.script.wake import wake_due
from tests.contract.batches import batch_of, both, fail, policy, send, submit_items, succeed, take, take_one, trouble
from tests.contract.durable import call, errands, parent_waits, remembered, sleep, step, suspended, suspension_of
from tests.contract.stores import open_store

SEEDS = range(int(os.environ.get("STOOK_SEEDS", "4")))
SWEEPS = (run_errands, wake_due, promote_due, expire_leases, end_overdue)


@pytest.fixture
def other(where, store, runner):
    """Another store on the same database, with the same clock."""
    found = runner.run(open_store(where, store.clock))
    found.audit = store.audit
    found.ids, found.tokens = store.ids, store.tokens
    yield found
    runner.run(found.close())


async def race(*actions):
    """Their answers; a `Conflict` is one."""
    answers = await asyncio.gather(*actions, return_exceptions=True)
    for one in answers:
        if isinstance(one, Exception) and not isinstance(one, Conflict):
            raise one
    return answers


async def test_cancel_against_wake(store, other):
    for number in range(8):
        batch_id = await parent_waits(store, sleep("s", 1))
        store.clock.advance(1)
        wake, stop = store.write(wake_due), other.write(cancel_items, batch_id, [0])
        await race(*((wake, stop) if number % 2 else (stop, wake)))
        row = await batch_of(store, batch_id)
        assert (row.ended, row.settled) == ("cancelled", 1)
        assert not (await take(store)).slices


async def test_a_childs_end_against_its_parents_timeout(store, other):
    winners: Counter[str] = Counter()
    for number in range(10):
        batch_id = await parent_waits(store, call("c", seconds=1))
        await send(store, succeed(await take_one(store, tasks=("child",)), results=[b"5"]))
        store.clock.advance(1)
        news, late = store.write(run_errands), other.write(wake_due)
        await race(*((news, late) if number % 2 else (late, news)))
        await errands(store)
        one = await take_one(store)
        assert (one.batch_id, one.attempt, len(one.memos[0])) == (batch_id, 1, 1)
        found = remembered(one)["c"]
        winners["value" if found == 5 else found.kind] += 1
        await send(store, succeed(one))
    assert set(winners) <= {"value", "timeout"}


async def test_a_late_worker_against_what_it_remembers(store, other):
    for number in range(8):
        await submit_items(store, 1)
        late = await take_one(store, lease=1)
        store.clock.advance(1)
        write = [Remember(late.token, late.batch_id, 0, [step("a", b'"late"')], 60.0)]
        keep, lapse = store.write(remember, write), other.write(expire_leases)
        lost, lapsed = await race(keep, lapse) if number % 2 else reversed(await race(lapse, keep))
        assert lapsed in (0, 1)
        if lapsed:
            assert remembered(await take_one(store)) == ({} if lost else {"a": "late"})
        else:
            assert lost == []
            await send(store, fail(late, kind="released"))
            assert remembered(await take_one(store)) == {"a": "late"}
        await store.write(lose_workers, ["w"])
        for one in (await take(store)).slices:
            await send(store, succeed(one))


async def test_two_do_the_errands_once(store, other):
    parents = [await parent_waits(store, call("a"), call("b")) for _ in range(6)]
    for one in (await take(store, tasks=("child",))).slices:
        await send(store, succeed(one))
    done = await race(*(who.write(run_errands, 5) for who in (store, other) for _ in range(4)))
    assert sum(done) + await errands(store) == 12
    for batch_id in parents:
        assert await suspension_of(store, batch_id) == []
    found = (await take(store)).slices
    assert sorted(one.batch_id for one in found) == sorted(parents)
    assert all(len(one.memos[0]) == 2 for one in found)


class Family:
    """Parents, children and their children, while everything happens to them."""

    def __init__(self, store, other, seed):
        self.stores = (store, other)
        self.store = store
        self.dice = random.Random(seed)
        self.ids = []
        self.hands = []

    @property
    def any_store(self):
        return self.dice.choice(self.stores)

    async def submit(self):
        batch_id = await submit_items(
            self.any_store,
            self.dice.randrange(1, 9),
            per=3,
            deadline_at=self.dice.choice([None, None, None, self.store.clock.after(60)]),
            policy=policy(max_attempts=2, max_losses=2),
        )
        self.ids.append(batch_id)

    async def claim(self):
        claimed = await take(self.any_store, self.dice.randrange(1, 12), tasks=("t", "child", "leaf"), lease=15)
        self.hands += [(one, list(one.offsets)) for one in claimed.slices]

    def waits(self, one):
        dice, number = self.dice, len(one.memos.get(one.offsets[0], ()))
        below = {"t": "child", "child": "leaf"}.get(one.task)
        found = [sleep(f"s{number}", dice.choice([0, 3]))]
        if below is not None:
            found += [
                call(
                    f"c{number}.{nth}",
                    below,
                    seconds=dice.choice([None, None, 4]),
                    on_failure=dice.choice(["raise", "fail_parent"]),
                    cancel_on_timeout=dice.choice(["unstarted", "always", "never"]),
                    group=dice.choice([None, "g"]),
                    max_parallel=dice.choice([None, 1]),
                )
                for nth in range(dice.randrange(1, 4))
            ]
        return found

    async def settle(self):
        if not self.hands:
            return
        one, left = self.hands.pop(self.dice.randrange(len(self.hands)))
        some = left if self.dice.random() < 0.6 else self.dice.sample(left, self.dice.randrange(1, len(left) + 1))
        if rest := [offset for offset in left if offset not in some]:
            self.hands.append((one, rest))
        good = [offset for offset in some if self.dice.random() < 0.4]
        bad = []
        for offset in some:
            if offset in good:
                continue
            if self.dice.random() < 0.7:
                bad += suspended(one, *self.waits(one), offsets=[offset], memos=[step("a")]).troubles
            else:
                bad.append(trouble(offset, self.dice.choice(["failed", "lost", "released", "cancelled"])))
        await send(self.any_store, both(one, good, bad))

    async def remember(self):
        if self.hands:
            one, left = self.dice.choice(self.hands)
            await self.any_store.write(remember, [Remember(one.token, one.batch_id, left[0], [step("b")], 15.0)])

    async def sweep(self):
        self.store.clock.advance(self.dice.choice([0, 1, 4, 16]))
        await self.any_store.write(self.dice.choice(SWEEPS), self.dice.choice([1, 3, 100]))

    async def operate(self):
        batch_id, dice, write = self.dice.choice(self.ids), self.dice, self.any_store.write
        match dice.randrange(6):
            case 0:
                await write(cancel, batch_id, hard=dice.random() < 0.5, reason="")
            case 1 | 2:
                await write(cancel_items, batch_id, dice.sample(range(9), 3), children=dice.random() < 0.7)
            case 3:
                await write(pause, batch_id, reason="")
            case 4:
                await write(resume, batch_id, ramp=False)
            case _:
                await write(retry, batch_id, RetryScope(("failed", "cancelled")), probe=dice.choice([None, 2]))

    async def step(self):
        chosen = self.dice.choices(
            [self.claim, self.settle, self.remember, self.sweep, self.operate, self.submit],
            [6, 9, 2, 8, 2, 1],
            k=self.dice.choice([1, 1, 2, 4]),
        )
        await race(*(one() for one in chosen))

    async def finish(self):
        """Everybody succeeds from now on; all batches run to their end, the hidden ones too."""
        write = self.store.write
        await write(lose_workers, ["w"])
        for batch_id in self.ids:
            if (await batch_of(self.store, batch_id)).phase == "paused":
                await write(resume, batch_id, ramp=False)
        for _ in range(100):
            claimed = await take(self.store, tasks=("t", "child", "leaf"), worker="last")
            await send(self.store, *(both(one, one.offsets, []) for one in claimed.slices))
            if not claimed.slices:
                self.store.clock.advance(60)
                if sum([await write(verb) for verb in SWEEPS]) == 0:
                    return
        raise AssertionError("it never ends")


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_the_order_all_families_end(store, other, seed):
    family = Family(store, other, seed)
    await family.submit()
    for _ in range(80):
        await family.step()
    await family.finish()
    (phases, *left) = await store.tables.fetch(
        "select distinct phase from batch",
        *(f"select * from {name}" for name in ("lease", "suspension", "wait", "errand")),
    )
    assert [row[0] for row in phases] == ["closed"]
    assert left == [[], [], [], []]
