"""Two verbs that lock many of the same rows, while a third transaction holds one of these: both come to wait in the
midst of a statement, and would block each other for good had they not gone the same way."""

from __future__ import annotations

import asyncio
from functools import partial

import asyncpg
import pytest

from stook.store.script.cancel_items import cancel_items
from stook.store.script.delete import delete, purge
from stook.store.script.renew import renew
from stook.store.script.settle import settle
from stook.store.script.stop import cancel
from stook.store.script.submit import submit
from stook.store.script.sweep import expire_leases
from stook.store.statements import load
from tests.contract.batches import chunked, claim_all, drain, new_batch, payloads, submit_items, succeed
from tests.store_postgres.stepped import stepped


@pytest.fixture
def installed_postgres(emptied_postgres):
    return emptied_postgres


LEASES = 6


async def held(store):
    """Leases whose tokens are in no order."""
    batch = await submit_items(store, 2 * LEASES, per=2)
    return batch, await claim_all(store, 2)


def renewing(leases):
    tokens = [one.token for one in leases]
    return lambda: renew(tokens, lambda now: now + 60_000_000)


async def renew_and_renew(store):
    _, leases = await held(store)
    return renewing(leases), renewing(leases[::-1])


async def renew_and_hard_cancel(store):
    batch, leases = await held(store)
    return renewing(leases), lambda: cancel(batch, hard=True, reason="enough")


async def renew_and_cancel_items(store):
    batch, leases = await held(store)
    return renewing(leases), lambda: cancel_items(batch, range(2 * LEASES))


async def renew_and_settle(store):
    _, leases = await held(store)
    return renewing(leases), lambda: settle([succeed(one) for one in leases], store.draw)


async def renew_and_lapse(store):
    _, leases = await held(store)
    store.clock.advance(61)
    return renewing(leases), expire_leases


@pytest.mark.parametrize(
    "scene",
    [renew_and_renew, renew_and_hard_cancel, renew_and_cancel_items, renew_and_settle, renew_and_lapse],
    ids=lambda scene: scene.__name__,
)
async def test_leases_are_locked_by_token(store, installed_postgres, scene):
    for place in range(LEASES):
        first, second = await scene(store)
        newest = "select from lease order by batch_id desc, token offset $1 limit 1"  # those of earlier scenes are left
        await both_wait(store, installed_postgres, first, second, newest, place)
        await drain(store)


async def test_dedupe_keys_are_locked_in_their_order_by_submissions_and_settlements(store, installed_postgres):
    for place in range(6):
        keys = [f"{place}-{number}" for number in (3, 1, 5, 0, 4, 2)]
        await submit_items(store, 6, per=2, dedupe=keys)
        leases = await claim_all(store)
        new, chunks = new_batch(store), chunked(payloads(6), 2, dedupe=sorted(keys))
        await both_wait(
            store,
            installed_postgres,
            partial(submit, new, chunks),
            partial(settle, [succeed(one) for one in leases], store.draw),
            "select from dedupe order by key offset $1 limit 1",
            place,
        )
        await drain(store)


async def test_dedupe_keys_are_inserted_in_their_order(store, installed_postgres):
    for place in range(6):
        keys = [f"{place}-{number}" for number in range(6)]
        new = [new_batch(store) for _ in range(2)]
        ways = [chunked(payloads(6), 2, dedupe=way) for way in (keys, keys[::-1])]
        await both_wait(
            store,
            installed_postgres,
            partial(submit, new[0], ways[0]),
            partial(submit, new[1], ways[1]),
            "insert into dedupe select 'default', 't', $1, '', 0",
            keys[place],
            undo=True,
        )
        assert len(await claim_all(store)) > 0
        await drain(store)


async def both_wait(store, url, first, second, hold, *given, undo=False):
    third = await asyncpg.connect(url, server_settings={"search_path": "stook"})
    async with stepped(url, store.clock) as (one, other):
        holding = third.transaction()
        await holding.start()
        await third.execute(hold if undo else f"{hold} for update", *given)
        one.start(first)
        other.start(second)
        assert not await one.go_on()
        assert not await other.go_on()
        await holding.rollback()
        await asyncio.gather(one.answer(), other.answer())
        await store.audit()
    await third.close()


async def test_two_purges_leave_nothing_behind(store, installed_postgres):
    batch = await submit_items(store, 4, per=2)
    await drain(store)
    await store.write(delete, batch)
    raw = await asyncpg.connect(installed_postgres, server_settings={"search_path": "stook"})
    await raw.execute("insert into event (batch_id, kind, body, at) select batch_id, 'k', '', 1 from event")
    store.audited = False
    while await raw.fetchval(
        "select exists (select from outcome union all select from chunk union all select from state)"
    ):
        await store.write(purge, 1)
    async with stepped(installed_postgres, store.clock) as (one, other):
        one.start(lambda: purge(1))
        while await raw.fetchval("select count(*) from pg_locks where relation = 'event'::regclass") == 0:
            assert await one.step()
        other.start(lambda: purge(1))
        await other.go_on()
        assert await one.answer() == batch
        assert await other.answer() is None
    while await store.write(purge, 1):
        pass
    assert await raw.fetchval("select count(*) from event") == 0
    assert await raw.fetchval("select count(*) from batch") == 0
    await raw.close()


def test_every_statement_that_locks_says_what():
    locking = {name: sql for name, sql in load("stook.store.postgres").items() if "for update" in sql}
    assert len(locking) > 10
    assert not [name for name, sql in locking.items() if "-- Locks: " not in sql]
