"""A delivery on its way: begun, recorded, tried again by the schedule, given up; nothing twice, whoever crashes."""

from __future__ import annotations

from collections import Counter

import pytest

from stook.core.webhook_schedule import SCHEDULE
from stook.engine.deliveries import Attempted, Dead, Deliveries, Done, Held, Retry
from stook.engine.maintenance import sweep_once
from stook.engine.webhooks import Webhooks
from stook.store.script.sweep import expire_leases
from tests.contract.batches import drain, fail, send, submit_items, succeed, take
from tests.contract.hooked import OK, add_endpoint, answered, attempt, carried, deliveries_of, events, waiting
from tests.contract.moving_clock import SECOND


@pytest.fixture
def webhooks(store):
    return Webhooks(store, "default")


async def told(store, count=1, **options):
    """An endpoint and `count` deliveries to it: their ids."""
    await add_endpoint(store, **options)
    for _ in range(count):
        await submit_items(store, 1)
    await drain(store)
    return [row[0] for row in await deliveries_of(store, "id")]


async def test_what_is_sent_is_the_event_and_how_to_send_it(store):
    (delivery,) = await told(store, schemes=["standard"], auth_value=b"sealed too")
    (event,) = await events(store)
    sending = await Deliveries(store).begin(delivery, 1)
    assert (sending.event_id, sending.event, sending.attempt) == (event["id"], "batch.finished", 1)
    assert (sending.url, sending.schemes) == ("https://a.example.com/", ["standard"])
    assert (sending.secret, sending.old_secret, sending.auth_value) == (b"sealed", None, b"sealed too")
    (rows,) = await store.tables.fetch("select body from webhook_event")
    assert sending.body == bytes(rows[0][0])
    assert await deliveries_of(store, "state") == [("delivering",)]


async def test_a_success_ends_it_and_the_next_begin_finds_nothing(store, webhooks):
    (delivery,) = await told(store)
    assert await attempt(store, delivery, 1, OK) == Done()
    assert await Deliveries(store).begin(delivery, 1) is None  # it crashed before its execution was settled
    detail = await webhooks.delivery(delivery)
    assert (detail.delivery.state, detail.delivery.code, detail.delivery.duration) == ("delivered", 200, 7)
    (one,) = detail.attempts
    assert (one.run, one.attempt, one.headers, one.code, one.answer) == (1, 1, {"X-Attempt": "1"}, 200, b"thanks")


async def test_failures_follow_the_schedule_then_it_is_dead(store):
    (delivery,) = await told(store)
    for number, wait in enumerate(SCHEDULE[1:], 1):
        assert await attempt(store, delivery, 1, answered(500)) == Retry(wait)
        assert await deliveries_of(store, "state", "attempt", "next_at", "error") == [
            ("failed", number, store.clock.now + round(wait * SECOND), "answered 500")
        ]
    assert await attempt(store, delivery, 1, answered(404)) == Dead("answered 404")
    assert await Deliveries(store).begin(delivery, 1) is None
    assert await deliveries_of(store, "state", "attempt", "next_at") == [("dead", 9, None)]


async def test_its_own_schedule_and_what_the_receiver_asks_for(store):
    (delivery,) = await told(store)
    there = Deliveries(store, schedule=(0, 10))
    sending = await there.begin(delivery, 1)
    assert await there.record(delivery, 1, sending.attempt, answered(500, retry_after=99), 0.5) == Retry(99)
    sending = await there.begin(delivery, 1)
    assert sending.attempt == 2
    assert await there.record(delivery, 1, 2, answered(None), 0.5) == Dead("ConnectTimeout")


async def test_recorded_twice_is_once(store, webhooks):
    """The answer to the first was lost."""
    (delivery,) = await told(store)
    there = Deliveries(store)
    assert (await there.begin(delivery, 1)).attempt == 1
    first = await there.record(delivery, 1, 1, answered(500), 0.5)
    assert await there.record(delivery, 1, 1, answered(200), 0.5) == first == Retry(5.0)
    detail = await webhooks.delivery(delivery)
    assert (len(detail.attempts), detail.delivery.state) == (1, "failed")


async def test_a_deliverer_that_died_is_followed_by_another(store):
    (delivery,) = await told(store)
    ((_, _, carries, run),) = await carried(store)
    assert (carries, run) == (delivery, 1)
    assert (await Deliveries(store).begin(delivery, 1)).attempt == 1
    store.clock.advance(61)
    await store.write(expire_leases)
    ((one, offset, again, run),) = await carried(store, idle=False)  # not suspected of anything
    assert (again, run, offset) == (delivery, 1, 0)
    assert (await Deliveries(store).begin(delivery, 1)).attempt == 1, "nothing was recorded"
    assert await attempt(store, delivery, 1, OK) == Done()
    await send(store, succeed(one))
    assert await waiting(store, "whe_a") == 0


async def test_many_that_were_lost_together_come_back_together(store):
    await told(store, 5)
    await carried(store)
    store.clock.advance(61)
    await store.write(expire_leases)
    assert len(await carried(store, idle=False)) == 5


async def test_what_carries_a_failed_one_comes_again_when_it_is_due(store):
    await told(store)
    ((one, _, delivery, run),) = await carried(store)
    verdict = await attempt(store, delivery, run, answered(500))
    await send(store, fail(one, retry_after=verdict.delay))
    assert await carried(store) == []
    store.clock.advance(5)
    await sweep_once(store)
    ((_, _, again, _),) = await carried(store)
    assert again == delivery


async def test_gone_disables_at_once_and_buries_what_waits(store, webhooks):
    first, second, third = await told(store, 3)
    await add_endpoint(store, "b")
    assert await attempt(store, second, 1, answered(500)) == Retry(5.0)
    assert await attempt(store, first, 1, answered(410)) == Dead(
        "endpoint disabled: 410 Gone: the receiver wants no more"
    )
    endpoint = await webhooks.get("whe_a")
    assert (endpoint.status, endpoint.reason) == ("disabled", "410 Gone: the receiver wants no more")
    rows = {row[0]: row[1:] for row in await deliveries_of(store, "id", "state", "error", "endpoint_id")}
    why = "endpoint disabled: 410 Gone: the receiver wants no more"
    assert [rows.pop(one) for one in (first, second, third)] == [("dead", why, "whe_a")] * 3
    ((state, _, to),) = rows.values()
    assert (state, to) == ("pending", "whe_b")
    (event,) = [event for event in await events(store) if event["type"] == "webhook.endpoint.disabled"]
    assert event["data"]["endpoint"]["id"] == "whe_a"
    assert event["data"]["endpoint"]["reason"] == "410 Gone: the receiver wants no more"
    for one in (first, second, third):
        assert await Deliveries(store).begin(one, 1) is None
    left = await carried(store)
    assert {delivery for _, _, delivery, _ in left} >= {first, second, third}, "nothing holds back what finds them dead"


async def test_what_was_on_its_way_when_it_was_disabled_may_still_arrive(store, webhooks):
    (delivery,) = await told(store)
    there = Deliveries(store)
    await there.begin(delivery, 1)
    await webhooks.disable("whe_a", "enough")
    assert await deliveries_of(store, "state", "error") == [("dead", "endpoint disabled: enough")]
    assert await there.record(delivery, 1, 1, OK, 0.5) == Done()
    assert await deliveries_of(store, "state", "error") == [("delivered", None)]


async def test_a_delivery_written_while_its_endpoint_was_being_disabled_ends_at_its_first_begin(store, webhooks):
    (delivery,) = await told(store)
    await webhooks.disable("whe_a", "enough")
    await store_behind_its_back(store, "update webhook_delivery set state = 'pending', error = null")
    assert await Deliveries(store).begin(delivery, 1) is None
    assert await deliveries_of(store, "state", "error") == [("dead", "endpoint disabled: enough")]


async def store_behind_its_back(store, sql):
    if store.kind == "sqlite":
        import sqlite3

        connection = sqlite3.connect(store.store.path, isolation_level=None)
        connection.execute(sql)
        connection.close()
    else:
        await store.tables.connection.execute(sql)


async def test_a_deleted_endpoint_leaves_no_waiting_delivery_but_its_log(store, webhooks):
    sent, waits = await told(store, 2)
    await attempt(store, sent, 1, OK)
    await webhooks.delete("whe_a")
    assert await deliveries_of(store, "state", "error") == [
        ("delivered", None),
        ("dead", "the endpoint was deleted"),
    ]
    assert await Deliveries(store).begin(waits, 1) is None
    assert (await webhooks.delivery(sent)).delivery.state == "delivered"
    await submit_items(store, 1)
    await drain(store)
    assert not [name for name in store.statements if "webhook" in name], "nobody wants anything any more"
    (quotas,) = await store.tables.fetch("select * from quota")
    assert quotas == []


async def test_too_many_requests_hold_the_endpoint_until_the_wait_ends(store, webhooks):
    first, second = await told(store, 2)
    await add_endpoint(store, "b")
    there = Deliveries(store)
    await there.begin(second, 1)
    assert await attempt(store, first, 1, answered(429, retry_after=30)) == Retry(30)
    assert (await webhooks.get("whe_a")).held_until == store.clock.now + 30 * SECOND
    assert await carried(store) == []
    assert await there.begin(second, 1) == Held(30.0)
    store.clock.advance(20)
    assert await there.release_due() == store.clock.now + 10 * SECOND
    assert await there.begin(second, 1) == Held(10.0)
    assert await carried(store) == []
    store.clock.advance(10)
    assert await there.release_due() is None
    assert len(await carried(store)) == 2
    assert await attempt(store, second, 1, OK) == Done()


async def opened(store, count=30, failures=20):
    """An endpoint whose breaker is open; the deliveries that have not failed."""
    found = await told(store, count)
    for delivery in found[:failures]:
        assert isinstance(await attempt(store, delivery, 1, answered(None)), Retry)
    return found[failures:]


async def test_twenty_failures_open_the_breaker_and_the_rest_waits_without_spending_attempts(store, webhooks):
    left = await opened(store)
    breaker = (await webhooks.get("whe_a")).breaker
    assert (breaker.state, breaker.failures) == ("open", 20)
    assert breaker.next_trial_at == store.clock.now + 60 * SECOND
    assert await carried(store) == []
    for delivery in left:
        assert await Deliveries(store).begin(delivery, 1) == Held(60.0)
    assert [row for row in await deliveries_of(store, "attempt", "state") if row == (0, "pending")] == [
        (0, "pending")
    ] * 10


async def test_nineteen_do_not(store, webhooks):
    await opened(store, 21, 19)
    assert (await webhooks.get("whe_a")).breaker.state == "closed"
    assert len(await carried(store)) == 8, "what may run at once"


async def test_an_open_breaker_lets_one_try_a_minute_and_the_first_success_closes_it(store, webhooks):
    left = await opened(store)
    there = Deliveries(store)
    assert await there.release_due() == store.clock.now + 60 * SECOND
    for _ in range(2):
        store.clock.advance(60)
        assert await there.release_due() is None
        (one,) = await carried(store)
        delivery, run = one[2:]
        assert (await there.begin(delivery, run)).attempt >= 1
        assert await there.begin(left[-1], 1) == Held(60.0), "one at a time"
        verdict = await there.record(delivery, run, (await there_attempt(store, delivery)) + 1, answered(500), 0.5)
        await send(store, fail(one[0], retry_after=verdict.delay))
        assert await carried(store) == []
        assert await there.release_due() == store.clock.now + 60 * SECOND
    store.clock.advance(60)
    await there.release_due()
    (one,) = await carried(store)
    assert await attempt(store, one[2], one[3], OK) == Done()
    await send(store, succeed(one[0]))
    endpoint = await webhooks.get("whe_a")
    assert (endpoint.breaker.state, endpoint.breaker.failures) == ("closed", 0)
    assert len(await carried(store)) == 8


async def there_attempt(store, delivery):
    return {row[0]: row[1] for row in await deliveries_of(store, "id", "attempt")}[delivery]


async def test_five_days_without_a_success_disable_it(store, webhooks):
    left = await opened(store)
    for _ in range(2):
        store.clock.advance(2 * 86_400)
        assert isinstance(await attempt(store, left.pop(), 1, answered(500)), Retry)
    store.clock.advance(86_400)
    verdict = await attempt(store, left.pop(), 1, answered(500))
    assert verdict == Dead("endpoint disabled: no success in 5 days, 23 attempts failed in a row")
    assert {row[0] for row in await deliveries_of(store, "state")} == {"dead"}
    assert (await webhooks.get("whe_a")).status == "disabled"


async def test_an_answer_is_kept_up_to_two_kibibytes(store, webhooks):
    (delivery,) = await told(store)
    long = Attempted(headers={}, code=500, error=None, duration=1, answer=b"x" * 5000)
    await attempt(store, delivery, 1, long)
    assert len((await webhooks.delivery(delivery)).attempts[0].answer) == 2048


async def test_no_endpoint_has_more_on_the_way_than_it_takes_and_all_get_their_share(store):
    await add_endpoint(store, "slow", max_concurrency=3)
    for _ in range(40):
        await submit_items(store, 1)
    await drain(store)
    await add_endpoint(store, "late", max_concurrency=8)
    for _ in range(4):
        await submit_items(store, 1)
    await drain(store)
    first = await carried(store)
    assert await shares(store, first) == {"whe_slow": 3, "whe_late": 4}
    assert await carried(store) == []


async def shares(store, found):
    to = {row[0]: row[1] for row in await deliveries_of(store, "id", "endpoint_id")}
    return Counter(to[delivery] for _, _, delivery, _ in found)


async def test_slots_go_to_the_endpoint_that_has_the_fewest(store):
    for name in "abcd":
        await add_endpoint(store, name, max_concurrency=20)
    for _ in range(10):
        await submit_items(store, 1)
    await drain(store)
    found = []
    for _ in range(4):
        found += await carried(store, 5)
    assert await shares(store, found) == {f"whe_{name}": 5 for name in "abcd"}


async def test_a_worker_of_users_gets_none_of_it(store):
    await told(store, 3)
    claimed = await take(store, tasks=("t", "stook.webhook"), project="default")
    assert claimed.slices == []
