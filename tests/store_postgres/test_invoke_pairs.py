"""As test_pairs: an invocation that has looked at a key which then changes hands."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from stook.store.script.invoke import Group, invoke
from stook.store.script.submit import append, create_batch
from tests.contract.batches import chunked, new_batch, payloads
from tests.contract.invocations import keyed
from tests.store_postgres.stepped import stepped


@pytest.fixture
def installed_postgres(emptied_postgres):
    return emptied_postgres


def one_more(batch_id, key):
    return partial(append, batch_id, chunked(payloads(1), dedupe=[key]))


async def test_a_holder_that_appears_between_look_and_take_is_not_waited_for_with_keys_in_hand(
    store, installed_postgres
):
    """One holds the key "a" and would wait for the batch of the holder of "b"; the other holds that batch and waits for
    the key "a"."""
    store.audited = False
    open_one = new_batch(store)
    await store.write(create_batch, open_one)
    items = [keyed(1, "a", "supersede"), keyed(2, "b", "supersede")]
    async with stepped(installed_postgres, store.clock) as (one, other):
        one.start(partial(invoke, [Group(new_batch(store), items, range(2))]))
        await one.up_to("insert into dedupe")
        await store.write(one_more(open_one.id, "b"))
        other.start(one_more(open_one.id, "a"))
        await other.up_to("dedupe")
        await one.go_on()
        await other.go_on()
        receipts, _ = await asyncio.gather(one.answer(), other.answer())
    assert [receipt.reason for receipt in receipts] in (["superseded", "superseded"], [None, "superseded"])
    await store.audit()
