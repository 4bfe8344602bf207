"""Who settles waits for no delivery, whoever delivers for no settlement; and those who change an endpoint and its
deliveries go the same way."""

from __future__ import annotations

from functools import partial

import pytest

from stook.core.webhook_schedule import SCHEDULE
from stook.engine.deliveries import Deliveries
from stook.engine.webhooks import Webhooks
from stook.store.script.settle import settle
from stook.store.script.webhook_delivery import Outcome, begin_delivery, record_attempt, release_due
from stook.store.script.webhook_endpoint import delete_endpoint, disable_endpoint
from stook.store.script.webhook_replay import replay_delivery, replay_events, replay_state
from tests.contract.batches import claim_all, drain, submit_items, succeed
from tests.contract.hooked import add_endpoint, answered, attempt, deliveries_of
from tests.store_postgres.stepped import stepped
from tests.store_postgres.test_lock_order import both_wait


@pytest.fixture
def installed_postgres(emptied_postgres):
    return emptied_postgres


COUNT = 4
GONE = Outcome("{}", 410, None, 1, b"", None, delivered=False)


async def told(store):
    """An endpoint and deliveries that wait for it."""
    await add_endpoint(store)
    for _ in range(COUNT):
        await submit_items(store, 1)
    await drain(store)
    return [row[0] for row in await deliveries_of(store, "id")]


def recording(delivery):
    return partial(record_attempt, delivery, 1, 1, GONE, SCHEDULE, 0.5)


@pytest.mark.parametrize("settles_first", [True, False])
@pytest.mark.parametrize("steps", [1, 4, 6, 7, 8])
async def test_a_settlement_and_a_record_that_disables_do_not_wait_for_each_other(
    store, installed_postgres, settles_first, steps
):
    """Wherever the one stands when the other comes."""
    found = await told(store)
    await add_endpoint(store, "b")
    await submit_items(store, 1)
    settling = partial(settle, [succeed(one) for one in await claim_all(store)], store.draw)
    ways = [settling, recording(found[0])]
    async with stepped(installed_postgres, store.clock) as (one, other):
        one.start(ways[not settles_first])
        for _ in range(steps):
            await one.step()
        other.start(ways[settles_first])
        assert await other.go_on()
        assert await one.go_on()
        await one.answer()
        await other.answer()
    await store.audit()


def scenes(delivery):
    disabling = partial(disable_endpoint, "default", "whe_a", "enough")
    by_state = partial(replay_state, "default", "whe_a", "pending", 0, "", "dlv_~")
    by_event = partial(replay_events, "default", "whe_a", 0, "", "evt_~")
    return {
        "disable, disable": (disabling, disabling),
        "disable, record": (disabling, recording(delivery)),
        "record, replay": (recording(delivery), disabling),
        "replay, replay": (by_event, by_state),
        "replay, disable": (by_state, disabling),
        "replay one, disable": (partial(replay_delivery, "default", delivery), disabling),
        "begin, disable": (partial(begin_delivery, delivery, 1), disabling),
        "delete, record": (partial(delete_endpoint, "default", "whe_a"), recording(delivery)),
    }


@pytest.mark.parametrize("scene", scenes(""))
async def test_deliveries_are_locked_behind_their_endpoint(store, installed_postgres, scene):
    found = await told(store)
    for delivery in (found[0], found[-1])[: 1 if scene.startswith("delete") else 2]:
        first, second = scenes(delivery)[scene]
        await both_wait(
            store, installed_postgres, first, second, "select from webhook_delivery where id = $1", delivery
        )
        webhooks = Webhooks(store, "default")
        if not scene.startswith("delete"):
            await webhooks.enable("whe_a")
            await webhooks.replay_one(delivery)
            await store_reset(store)


async def store_reset(store):
    """As they were: run 1, nothing attempted."""
    execute = store.tables.connection.execute
    await execute("update webhook_delivery set run = 1, attempt = 0, state = 'pending'")
    await execute("delete from webhook_attempt")


async def test_two_servers_release_what_is_due_and_neither_waits(store, installed_postgres):
    for name in "ab":
        await add_endpoint(store, name)
    await submit_items(store, 1)
    await drain(store)
    for delivery, *_ in await deliveries_of(store, "id"):
        await attempt(store, delivery, 1, answered(429, retry_after=30))
    store.clock.advance(30)
    async with stepped(installed_postgres, store.clock) as (one, other):
        one.start(release_due)
        for _ in range(2):
            assert await one.step()
        other.start(release_due)
        assert await other.go_on()
        assert await one.go_on()
        assert await one.answer() is None
        await other.answer()
    assert await Deliveries(store).release_due() is None
    (rows,) = await store.tables.fetch("select paused from quota")
    assert [row[0] for row in rows] == [0, 0]
