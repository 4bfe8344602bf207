"""Events and deliveries are written by the transaction that makes them true, and only for who wants them."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from stook.core.errors import OptionError
from stook.core.policy import FailurePolicy, RetryPolicy
from stook.core.retry_scope import RetryScope
from stook.core.webhook_events import EXECUTION_EVENTS
from stook.engine.maintenance import sweep_once
from stook.engine.webhooks import EndpointChanges, Webhooks
from stook.store.script.cancel_items import cancel_items
from stook.store.script.pause import pause, resume
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from stook.store.script.submit import submit
from tests.contract.batches import (
    both,
    claim_all,
    drain,
    fail,
    new_batch,
    policy,
    send,
    submit_items,
    succeed,
    take_one,
    trouble,
)
from tests.contract.hooked import add_endpoint, deliver, deliveries_of, events, waiting
from tests.contract.million import MILLION, submitted

ENDS = list(EXECUTION_EVENTS.values())


def types(found):
    return [event["type"] for event in found]


async def executions(store):
    return [event["data"]["execution"] for event in await events(store) if event["type"] in ENDS]


async def test_the_end_of_a_batch_is_one_event_and_one_delivery_per_endpoint(store):
    await add_endpoint(store, "a")
    await add_endpoint(store, "b")
    batch = await submit_items(store, 3, metadata='{"team":"x"}')
    await send(store, succeed(await take_one(store)))
    (event,) = await events(store)
    assert event["type"] == "batch.finished"
    assert event["data"]["batch"]["state"] == "succeeded"
    assert event["data"]["batch"]["metadata"] == {"team": "x"}
    columns = ("endpoint_id", "event_id", "state", "run", "attempt", "batch_id")
    assert await deliveries_of(store, *columns) == [
        ("whe_a", event["id"], "pending", 1, 0, batch),
        ("whe_b", event["id"], "pending", 1, 0, batch),
    ]
    assert await deliver(store) == 2
    assert await deliveries_of(store, "state") == [("delivered",), ("delivered",)]
    assert await waiting(store, "whe_a") == 0


async def test_what_a_transaction_does_not_commit_was_never_told(store):
    await add_endpoint(store, events=["batch.finished", *ENDS])
    batch = await submit_items(store, 5)
    crash = RuntimeError("just before the commit")

    def crashing(*arguments, **options):
        yield from cancel(*arguments, **options)
        raise crash

    with pytest.raises(RuntimeError) as raised:
        await store.write(crashing, batch, hard=False, reason="enough")
    assert raised.value is crash
    assert await events(store) == await deliveries_of(store, "id") == []
    assert await waiting(store, "whe_a") == 0
    await store.write(cancel, batch, hard=False, reason="enough")
    assert types(await events(store)) == ["execution.cancelled"] * 5 + ["batch.finished"]
    assert len(await deliveries_of(store, "id")) == await waiting(store, "whe_a") == 6


async def test_an_end_says_what_became_of_the_execution(store):
    await add_endpoint(store, events=ENDS)
    batch = await submit_items(store, 3, keys=["x", "y", "z"])
    one = await take_one(store)
    await send(store, both(one, [0], [trouble(1, retryable=False)]))
    store.clock.advance(1)
    await store.write(cancel, batch, hard=True, reason="enough")
    await send(store, fail(one, 2, kind="cancelled"))
    good, bad, stopped = await executions(store)
    assert (good["key"], good["index"], good["state"], good["result"]) == ("x", 0, "succeeded", {"done": 0})
    assert good["attempts"] == good["round"] == 1
    assert good["id"].endswith("00000000")
    assert good["batch_id"] == good["id"]
    assert good["finished_at"].endswith("Z")
    assert (bad["key"], bad["state"], bad["result"]) == ("y", "failed", None)
    assert bad["error"] == {"type": "ValueError", "code": "raised", "message": "boom"}
    assert (stopped["key"], stopped["state"], stopped["error"]) == ("z", "cancelled", None)


async def test_a_retry_that_ends_again_is_another_event(store):
    await add_endpoint(store, events=["execution.failed", "batch.finished", "batch.reopened"])
    batch = await submit_items(store, 1)
    for _ in range(2):
        await send(store, fail(await take_one(store), retryable=False))
        store.clock.advance(1)
        await store.write(retry, batch, RetryScope())
        store.clock.advance(1)
    found = await events(store)
    assert types(found) == ["execution.failed", "batch.finished", "batch.reopened"] * 2
    assert [event["data"]["execution"]["round"] for event in found[::3]] == [1, 2]
    assert [event["data"]["batch"]["executions"] for event in found[2::3]] == [1, 1]
    assert len({event["id"] for event in found}) == 6


async def test_an_attempt_that_is_tried_again_is_no_end(store):
    await add_endpoint(store, events=ENDS)
    await submit_items(store, 1, policy=policy(max_attempts=2, retry=RetryPolicy(backoff="fixed", base=0)))
    await send(store, fail(await take_one(store)))
    assert await events(store) == []
    await sweep_once(store)
    await send(store, fail(await take_one(store)))
    assert [one["attempts"] for one in await executions(store)] == [2]


async def paths(store, batch):
    """Each way in which executions end: (what ends them, their events)."""
    del batch
    later = store.clock.after

    async def settled():
        await submit_items(store, 3)
        await drain(store)

    async def cancelled():
        await store.write(cancel, await submit_items(store, 3), hard=False, reason="")

    async def items():
        await store.write(cancel_items, await submit_items(store, 3), [0, 1, 2])

    async def expired():
        await submit_items(store, 3, expires_at=later(5))
        store.clock.advance(6)
        await sweep_once(store)

    async def overdue():
        await submit_items(store, 3, deadline_at=later(5))
        store.clock.advance(6)
        await sweep_once(store)

    async def threshold():
        rules = FailurePolicy(max_failed=1, then="fail")
        await submit_items(store, 3, policy=policy(failures=rules, max_attempts=1))
        await send(store, fail(await take_one(store, 1)))

    async def lost():
        await submit_items(store, 3, per=1, policy=policy(max_losses=1))
        for _ in range(3):
            await claim_all(store, 1, slices=1)
            store.clock.advance(61)
            await sweep_once(store)

    return {
        "settled": (settled, {"execution.succeeded": 3}),
        "cancelled": (cancelled, {"execution.cancelled": 3}),
        "items": (items, {"execution.cancelled": 3}),
        "expired": (expired, {"execution.expired": 3}),
        "overdue": (overdue, {"execution.expired": 3}),
        "threshold": (threshold, {"execution.failed": 1, "execution.cancelled": 2}),
    }


@pytest.mark.parametrize("way", ["settled", "cancelled", "items", "expired", "overdue", "threshold"])
async def test_however_executions_end_each_is_told_of_once(store, way):
    await add_endpoint(store, events=["batch.finished", *ENDS])
    end, expected = (await paths(store, way))[way]
    await end()
    found = await events(store)
    assert Counter(types(found)) == Counter(expected) + Counter(["batch.finished"])
    ended = [event["data"]["execution"]["index"] for event in found if event["type"] in ENDS]
    assert sorted(ended) == [0, 1, 2]
    assert len(await deliveries_of(store, "id")) == 4


async def test_an_empty_batch_ends_when_it_is_submitted_and_that_is_told(store):
    await add_endpoint(store)
    await store.write(submit, new_batch(store), [])
    assert types(await events(store)) == ["batch.finished"]


async def test_pausing_and_going_on_are_told_with_the_reason(store):
    await add_endpoint(store)
    batch = await submit_items(store, 2)
    await store.write(pause, batch, reason="lunch")
    await store.write(pause, batch, reason="again")
    store.clock.advance(1)
    await store.write(resume, batch)
    await store.write(resume, batch)
    found = await events(store)
    assert types(found) == ["batch.paused", "batch.resumed"]
    assert [(one["data"]["batch"]["state"], one["data"]["batch"]["reason"]) for one in found] == [
        ("paused", "lunch"),
        ("queued", None),
    ]


async def test_a_threshold_that_pauses_tells_why(store):
    await add_endpoint(store)
    rules = FailurePolicy(max_failed=1)
    await submit_items(store, 2, policy=policy(failures=rules, max_attempts=1))
    await send(store, fail(await take_one(store, 1)))
    (event,) = await events(store)
    assert event["type"] == "batch.paused"
    assert event["data"]["batch"]["reason"] == "1 executions failed, max_failed is 1"


async def test_single_submissions_are_no_batch_but_their_executions_are_told(store):
    await add_endpoint(store, events=["batch.finished", *ENDS])
    await submit_items(store, 1, single=True)
    await drain(store)
    assert types(await events(store)) == ["execution.succeeded"]


async def test_an_endpoint_hears_only_of_its_tasks_its_project_and_what_names_it(store):
    await add_endpoint(store, "all")
    await add_endpoint(store, "task", tasks=["u"])
    await add_endpoint(store, "named", batches="named")
    await add_endpoint(store, "other", project="p")
    plain = await submit_items(store, 1)
    named = await submit_items(store, 1, webhooks=("whe_named",))
    other = await submit_items(store, 1, task="u")
    await drain(store, tasks=("t", "u"))
    heard = {}
    for endpoint, batch in await deliveries_of(store, "endpoint_id", "batch_id"):
        heard.setdefault(endpoint, set()).add(batch)
    assert heard == {"whe_all": {plain, named, other}, "whe_task": {other}, "whe_named": {named}}


async def test_what_nobody_wants_leaves_no_event(store):
    await add_endpoint(store, events=["execution.failed"], tasks=["another"])
    await submit_items(store, 2)
    one = await take_one(store)
    await send(store, both(one, [0], [trouble(1, retryable=False)]))
    assert await events(store) == []


async def test_naming_an_endpoint_that_is_not_there_is_refused_with_its_name(store):
    await add_endpoint(store)
    await add_endpoint(store, "theirs", project="p")
    for unknown in ("whe_nobody", "whe_theirs"):
        with pytest.raises(OptionError, match=unknown):
            await submit_items(store, 1, webhooks=("whe_a", unknown))
    with pytest.raises(OptionError, match="whe_nobody"):
        await submit_items(store, 1, sealed=False, webhooks=("whe_nobody",))
    assert not store.audit.seen


async def test_a_disabled_endpoint_gets_nothing_but_the_event_is_kept(store):
    await add_endpoint(store)
    await Webhooks(store, "default").disable("whe_a", "for now")
    await submit_items(store, 1)
    await drain(store)
    assert types(await events(store)) == ["batch.finished"]
    assert await deliveries_of(store, "id") == []


async def test_a_result_too_large_is_left_out_and_that_is_said(store):
    await add_endpoint(store, events=["execution.succeeded"])
    await submit_items(store, 2)
    one = await take_one(store)
    await send(store, succeed(one, results=[b'"%s"' % (b"x" * 300_000), b'"%s"' % (b"y" * 200_000)]))
    large, small = await executions(store)
    assert (large["result"], large["redacted"]) == (None, True)
    assert (len(small["result"]), "redacted" in small) == (200_000, False)


async def work(store):
    """All kinds of it; what each step asked of the database."""
    asked = []

    async def noted(step):
        await step
        asked.append(dict(store.statements))

    batch = await submit_items(store, 6, keys=list("abcdef"))
    asked.append(dict(store.statements))
    one = await take_one(store, 2)
    asked.append(dict(store.statements))
    await noted(send(store, both(one, [0], [trouble(1, retryable=False)])))
    await noted(store.write(pause, batch, reason=""))
    await noted(store.write(resume, batch))
    await noted(store.write(cancel_items, batch, [2]))
    await noted(store.write(cancel, batch, hard=False, reason=""))
    await noted(store.write(retry, batch, RetryScope()))
    await noted(send(store, succeed(await take_one(store))))
    return asked


async def test_a_project_without_endpoints_pays_nothing_whatever_others_have(store):
    await work(store)  # claims learn from it what is plain
    before = await work(store)
    assert not [name for step in before for name in step if "webhook" in name]
    await add_endpoint(store, project="p", events=["batch.finished", *ENDS])
    assert await work(store) == before


async def test_ten_thousand_ends_are_a_bounded_number_of_statements(store):
    store.audited = False
    await add_endpoint(store, events=["execution.succeeded"])

    async def flush(count):
        await submit_items(store, count, keys=[f"k{number}" for number in range(count)])
        leases = await claim_all(store)
        await send(store, *(succeed(one) for one in leases))
        return dict(store.statements)

    small, large = await flush(600), await flush(10_000)
    assert large == small
    assert sum(large.values()) < 30
    assert len(await deliveries_of(store, "id")) == 10_600
    assert await waiting(store, "whe_a") == 10_600


async def test_a_large_batch_that_is_cancelled_leaves_its_events_to_be_written_in_bites(store):
    await add_endpoint(store, events=["execution.cancelled", "batch.finished"])
    batch = await submit_items(store, 5000, keys=[f"k{number}" for number in range(5000)])
    await store.write(cancel_items, batch, [7, 4000])
    await store.write(cancel, batch, hard=False, reason="")
    assert Counter(types(await events(store))) == {"execution.cancelled": 2, "batch.finished": 1}
    assert await sweep_once(store) == 10
    found = await executions(store)
    assert sorted(one["index"] for one in found) == list(range(5000))
    assert all(one["key"] == f"k{one['index']}" for one in found)
    assert len(await deliveries_of(store, "id")) == await waiting(store, "whe_a") == 5001
    assert await sweep_once(store) == 0


async def test_cancelling_a_million_does_not_wait_for_a_million_events(store):
    store.audited = False
    await add_endpoint(store, events=["execution.cancelled"])
    batch = await submitted(store, MILLION)
    begun = time.perf_counter()
    await store.write(cancel, batch, hard=False, reason="")
    took = time.perf_counter() - begun
    print(store.kind, f"{took:.3f}")
    assert took < 3
    assert sum(store.statements.values()) < 20


async def test_the_filter_may_be_changed(store):
    await add_endpoint(store, events=["execution.failed"])
    await Webhooks(store, "default").update("whe_a", EndpointChanges(events=["execution.succeeded"]))
    await submit_items(store, 1)
    await drain(store)
    assert types(await events(store)) == ["execution.succeeded"]
