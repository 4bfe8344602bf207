"""Two stores on one database, as two processes have them: whoever comes second changes nothing and is told so."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from stook.core.errors import Conflict, StoreError
from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.store.script.cancel_items import cancel_items
from stook.store.script.pause import pause, resume
from stook.store.script.quota import set_quota
from stook.store.script.renew import renew
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from stook.store.script.submit import append, create_batch, seal, submit
from stook.store.script.sweep import end_overdue, expire_leases, expire_waiting, lose_workers, promote_due
from tests.contract.batches import (
    batch_of,
    chunked,
    claim_all,
    drain,
    events_of,
    fail,
    indexes,
    new_batch,
    payloads,
    policy,
    send,
    states_of,
    submit_items,
    succeed,
    take,
    take_one,
)
from tests.contract.moving_clock import SECOND
from tests.contract.stores import open_store


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


@pytest.mark.parametrize("how", ["soft", "hard", "item"])
async def test_cancel_against_completion(store, other, how):
    winners: Counter[str] = Counter()
    for number in range(12):
        batch_id = await submit_items(store, 1)
        one = await take_one(store)
        stop = (
            other.write(cancel_items, batch_id, [0])
            if how == "item"
            else other.write(cancel, batch_id, hard=how == "hard", reason="")
        )
        settling = send(store, succeed(one))
        await race(*((settling, stop) if number % 2 else (stop, settling)))
        batch = await batch_of(store, batch_id)
        assert (batch.phase, batch.settled) == ("closed", 1)
        assert len(await events_of(store, batch_id)) == 1
        winners[State((await states_of(store, batch_id))[0]).name] += 1
    assert set(winners) <= {"succeeded", "cancelled"}
    assert how != "soft" or winners["succeeded"] == 12, "a soft cancel lets what runs finish"


async def test_a_late_worker_against_its_successor(store, other):
    for _ in range(8):
        batch_id = await submit_items(store, 1)
        late = await take_one(store, lease=1)
        store.clock.advance(1)

        async def successor():
            await other.write(expire_leases)
            claimed = await take(other, worker="successor")
            return [await send(other, succeed(one, results=[b'"second"'])) for one in claimed.slices]

        first, second = await race(send(store, succeed(late, results=[b'"first"'])), successor())
        assert first.lost == ([late.token] if second else [])
        batch = await batch_of(store, batch_id)
        assert (batch.ended, batch.succeeded, batch.settled) == ("succeeded", 1, 1)
        (rows,) = await store.tables.fetch("select results, batch_id from outcome")
        assert [bytes(row[0]) for row in rows if row[1] == batch_id] == [b'["second"]' if second else b'["first"]']


async def test_a_renewal_against_the_sweep(store, other):
    for _ in range(8):
        await submit_items(store, 4)
        one = await take_one(store, lease=1)
        store.clock.advance(1)
        renewed, lost = await race(
            store.write(renew, [one.token], lambda now: now + 60 * SECOND), other.write(expire_leases)
        )
        assert renewed.lost == ([one.token] if lost else [])
        if not lost:
            await send(store, succeed(one))
        await drain(store)


async def test_two_sweeps_lose_a_lease_once(store, other):
    batch_id = await submit_items(store, 60, per=10)
    await take(store, lease=1)
    store.clock.advance(1)
    counts = await race(
        store.write(expire_leases),
        other.write(expire_leases),
        other.write(lose_workers, ["w"]),
        store.write(expire_leases),
    )
    assert sum(counts) == 6
    assert (await batch_of(store, batch_id)).losses == 6


async def test_two_workers_settle_the_last_items_and_the_batch_ends_once(store, other):
    for _ in range(10):
        batch_id = await submit_items(store, 2)
        mine, yours = await take_one(store, 1), await take_one(other, 1)
        answers = await race(send(store, succeed(mine)), send(other, fail(yours, retryable=False)))
        assert sorted(answer.closed for answer in answers) == [[], [batch_id]]
        assert len(await events_of(store, batch_id)) == 1


async def test_claims_of_two_processes_under_one_limit(store, other):
    batch_id = await submit_items(store, 400, per=10, max_concurrency=7)
    await store.write(set_quota, "task", "default", "t", 9)
    for _ in range(6):
        claimed = await race(*(take(one, 3, worker=name) for one in (store, other) for name in "abc"))
        slices = [one for answer in claimed for one in answer.slices]
        assert len(indexes(slices)) <= 7
        await send(store, *(succeed(one) for one in slices))
        assert len(indexes(await claim_all(store))) == 7
        (rows,) = await store.tables.fetch("select token, lo, hi from lease")
        assert sum(row[2] - row[1] for row in rows) == 7
        await store.write(lose_workers, ["w"])
        await drain(store)
        if (await batch_of(store, batch_id)).phase == "closed":
            break


async def test_retries_at_once_queue_once(store, other):
    for _ in range(6):
        batch_id = await submit_items(store, 10, policy=policy(max_attempts=1))
        await send(store, fail(await take_one(store)))
        answers = await race(
            store.write(retry, batch_id, RetryScope()),
            other.write(retry, batch_id, RetryScope(), probe=3),
            other.write(retry, batch_id, RetryScope()),
        )
        assert sum(one for one in answers if isinstance(one, int)) == 10 or answers[1] == 3
        await drain(store)
        assert (await batch_of(store, batch_id)).ended == "succeeded"


async def test_pausing_against_claims_and_resuming(store, other):
    for _ in range(6):
        batch_id = await submit_items(store, 100, per=5)
        await race(
            take(store, 10, worker="a"),
            other.write(pause, batch_id, reason=""),
            take(other, 10, worker="b"),
            store.write(resume, batch_id, ramp=False),
            take(store, 10, worker="a"),
        )
        await store.write(resume, batch_id, ramp=False)
        await store.write(lose_workers, ["a", "b"])
        await drain(store)
        assert (await batch_of(store, batch_id)).ended == "succeeded"


async def test_two_producers_resume_one_submission(store, other):
    new = new_batch(store, key="k", digest="d")
    chunks = chunked(payloads(200), 10)
    await store.write(create_batch, new)
    parts = [(one, at) for at in range(0, 20, 4) for one in (store, other)]
    for at in range(0, 20, 4):
        await race(*(one.write(append, new.id, chunks[at : at + 4], at=at * 10) for one, start in parts if start == at))
    await race(store.write(seal, new.id), other.write(seal, new.id))
    assert indexes(await claim_all(store)) == list(range(200))


async def test_all_sweeps_of_two_processes_and_workers_at_once(store, other):
    ids = []
    for number in range(6):
        options = {"policy": policy(max_attempts=2), "deadline_at": store.clock.after(100) if number == 5 else None}
        ids.append(await submit_items(store, 40, per=8, expires_at=store.clock.after(50), **options))
    for _ in range(8):
        slices = (await take(store, 20, slices=4, lease=20)).slices
        await race(
            *(send(one, fail(got)) for one, got in zip((store, other), slices, strict=False)),
            *(
                one.write(verb)
                for one in (store, other)
                for verb in (promote_due, expire_leases, expire_waiting, end_overdue)
            ),
            take(other, 10, worker="b", idle=False),
        )
        store.clock.advance(10)
    for _ in range(12):
        for verb in (promote_due, expire_leases, expire_waiting, end_overdue):
            while await store.write(verb):
                pass
        await drain(store)
        store.clock.advance(70)
    for one in ids:
        assert (await batch_of(store, one)).phase == "closed"


async def test_two_at_once_with_one_key_in_two_processes(store, other):
    for number in range(5):
        news = [new_batch(store, key=f"k{number}", digest="d") for _ in range(4)]
        answers = await race(
            *(one.write(submit, new, chunked(payloads(2))) for one, new in zip((store, other) * 2, news, strict=True))
        )
        assert sum(answer.created for answer in answers) == 1
        assert len({answer.id for answer in answers}) == 1


async def test_a_closed_store_says_so(store, other):
    await other.store.close()
    with pytest.raises(StoreError):
        await other.store.write(promote_due)
