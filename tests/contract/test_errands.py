"""An errand that cannot be done keeps nobody else's from being done."""

from __future__ import annotations

import logging

import pytest

from stook.core.ids import execution_id
from stook.engine.maintenance import sweep_once
from stook.store.script import errands as errands_script
from stook.store.script.upkeep import look_ahead
from tests.contract.batches import send, succeed, take, take_one
from tests.contract.durable import call, parent_waits


@pytest.fixture
def poisoned(store, monkeypatch):
    """Ids of batches of which no news can be told."""
    found = set()
    told = errands_script.HANDLERS["child_ended"]

    def tell(errands):
        if any(one.batch_id in found for one in errands):
            raise ZeroDivisionError("no such news")
        yield from told(errands)

    monkeypatch.setitem(errands_script.HANDLERS, "child_ended", tell)
    return found


async def rows(store):
    (found,) = await store.tables.fetch("select kind, tries, problem, due_at from errand order by id")
    return found


async def test_one_that_fails_is_put_off_and_the_others_are_done(store, poisoned, caplog):
    poison = await parent_waits(store, call("a"))
    good = [await parent_waits(store, call("a")) for _ in range(3)]
    poisoned.add(poison)
    for child in (await take(store, 4, tasks=("child",))).slices:
        await send(store, succeed(child))
    with caplog.at_level(logging.ERROR, "stook.engine"):
        await sweep_once(store)
    woken = {one.batch_id for one in (await take(store, 10)).slices}
    assert woken == set(good)
    assert execution_id(poison, 0) in caplog.text
    assert "child_ended" in caplog.text
    assert [row[:3] for row in await rows(store)] == [("child_ended", 1, "ZeroDivisionError: no such news")]


async def test_it_is_tried_again_later_and_later_and_done_once_it_can_be(store, poisoned):
    poison = await parent_waits(store, call("a"))
    poisoned.add(poison)
    await send(store, succeed(await take_one(store, tasks=("child",))))
    assert await sweep_once(store) == 1
    assert await sweep_once(store) == 0
    assert await store.read(look_ahead) == 2_000_000
    store.clock.advance(2)
    assert await sweep_once(store)
    assert await store.read(look_ahead) == 4_000_000
    poisoned.clear()
    assert not (await take(store)).slices
    store.clock.advance(4)
    await sweep_once(store)
    assert (await take_one(store)).batch_id == poison
    assert not await rows(store)
