"""Writing from a thread while the program's loop stands still."""

from __future__ import annotations

import asyncio
import threading

import pytest

from stook.core.errors import Conflict
from stook.store.postgres.driver import PostgresStore
from stook.store.script.quota import set_weight
from stook.store.script.renew import renew
from stook.store.statement import All
from tests.contract.batches import submit_items, take_one


def weights():
    return (yield All("weights"))


async def test_it_works_while_the_loop_is_blocked(store):
    await submit_items(store, 4)
    one = await take_one(store)
    renewed = []

    def renewing():
        renewed.append(store.store.write_blocking(renew, [one.token], lambda now: now + 5_000_000))

    thread = threading.Thread(target=renewing)
    thread.start()
    thread.join(60)  # the loop does not turn here
    assert renewed[0].lost == []
    ((row,),) = await store.tables.fetch("select expires_at from lease")
    assert row[0] == store.clock.now + 5_000_000


async def test_many_threads_and_loops_at_once(installed_postgres):
    store = PostgresStore(installed_postgres)

    def blocking(number):
        store.write_blocking(set_weight, f"thread {number}", 1.0)

    def with_a_loop(number):
        asyncio.run(store.write(set_weight, f"loop {number}", 1.0))

    calls = [asyncio.to_thread(call, number) for number in range(10) for call in (blocking, with_a_loop)]
    await asyncio.gather(*calls, *(store.write(set_weight, f"here {number}", 1.0) for number in range(10)))
    assert len(await store.read(weights)) == 30
    await store.close()


async def test_a_verbs_error_comes_out_in_the_thread(installed_postgres):
    def verb():
        yield All("weights")
        raise Conflict("no")

    store = PostgresStore(installed_postgres)
    with pytest.raises(Conflict, match="no"):
        await asyncio.to_thread(store.write_blocking, verb)
    await store.close()
