"""Under one idempotency key something is done once, wherever a process dies between beginning and answer."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.errors import Conflict, NotFound, StoreError
from stook.core.policy import TaskPolicy
from stook.core.retry_scope import RetryScope
from stook.engine.actions import Actions
from stook.engine.blobs import Blobs
from stook.engine.options import Options
from stook.engine.requests import Busy, Mismatch, Requests, Stored, Ticket
from stook.engine.service import Engine
from stook.engine.webhook_views import Auth, NewEndpoint
from stook.engine.webhooks import Webhooks
from stook.store.blob_rows import BlobRows
from tests.contract.batches import claim_all, drain, fail, inputs, send, submit_items, take_one

ASK = ("POST", "/api/v1/executions", "digest")


@pytest.fixture
def requests(store, runner):
    found = Requests(store, "default")
    yield found
    runner.run(found.close())


class Cut:
    """A store whose process dies at its next write: `before` its commit, or `after`."""

    def __init__(self, store):
        self.store = store
        self.when = None
        self.read = store.read

    async def write(self, verb, *args, **options):
        if self.when == "before":
            raise StoreError("died before the commit")
        answer = await self.store.write(verb, *args, **options)
        if self.when == "after":
            raise StoreError("died after the commit")
        return answer


def engine_on(store):
    return Engine(store, Blobs(BlobRows(store)), project="default")


async def submit(store, ticket, payload=b"1", dedupe=None, **options):
    return await engine_on(store).submit_one("t", TaskPolicy(), payload, Options(**options), dedupe, ticket)


async def count(store, table):
    return (await store.tables.fetch(f"select count(*) from {table}"))[0][0][0]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_single_whose_server_died_is_one_execution(store, requests, when):
    dying = Cut(store)
    ticket = await requests.begin("k", *ASK)
    dying.when = when
    with pytest.raises(StoreError, match="died"):
        await submit(dying, ticket)
    if when == "before":
        assert isinstance(await requests.begin("k", *ASK), Busy)
        store.clock.advance(15)
    again = await requests.begin("k", *ASK)
    assert isinstance(again, Ticket)
    found = await submit(store, again)
    assert found == await submit(store, again)
    assert found[2] is True
    assert [inputs(one) for one in await claim_all(store)] == [[b"1"]]
    assert await count(store, "batch") == 1


async def test_what_was_done_is_not_free_for_another_request(store, requests):
    await submit(store, await requests.begin("k", *ASK))
    store.clock.advance(3600)
    assert await requests.begin("k", "POST", "/api/v1/executions", "other") == Mismatch("body")
    again = await requests.begin("k", *ASK)
    await requests.finish(again, 202, b"late")
    assert await requests.begin("k", *ASK) == Stored(202, b"late")


async def test_forgetting_what_was_done_leaves_it_done(store, requests):
    ticket = await requests.begin("k", *ASK)
    first = await submit(store, ticket)
    await requests.forget(ticket)
    assert await submit(store, await requests.begin("k", *ASK)) == first
    assert await count(store, "batch") == 1


async def test_one_who_was_silent_for_too_long_acts_no_more_and_forgets_nothing(store, requests):
    slow = await requests.begin("k", *ASK)
    store.clock.advance(15)
    other = Requests(store, "default")
    quick = await other.begin("k", *ASK)
    with pytest.raises(Conflict, match="another request goes on"):
        await submit(store, slow)
    await requests.forget(slow)
    await requests.finish(slow, 200, b"")
    assert isinstance(await other.begin("k", *ASK), Busy)
    assert (await submit(store, quick))[2] is True
    assert await count(store, "batch") == 1
    with pytest.raises(Conflict, match="another request goes on"):
        await submit(store, Ticket("default", "never begun", 1))
    await other.close()


async def test_after_a_day_the_key_stands_for_nothing_any_more(store, requests):
    first = await submit(store, await requests.begin("k", *ASK))
    store.clock.advance(24 * 3600)
    again = await requests.begin("k", "POST", "/", "other")
    assert await submit(store, again) != first


async def test_a_dedupe_key_and_a_ticket_together(store, requests):
    held = await submit(store, None, dedupe="d")
    ticket = await requests.begin("k", *ASK)
    assert await submit(store, ticket, dedupe="d") == (*held[:2], False)
    await drain(store)
    again = await requests.begin("k", *ASK)
    assert await submit(store, again, dedupe="d") == (*held[:2], False), "it was answered so the first time"


async def test_tickets_share_a_commit_and_those_that_are_done_or_void_hold_up_nobody(store, requests):
    engine = engine_on(store)
    tickets = [await requests.begin(f"k{number}", *ASK) for number in range(5)]
    done = await engine.submit_one("t", TaskPolicy(), b"9", Options(), None, tickets[1])
    tickets[3] = Ticket("default", "k3", 1)
    before = await count(store, "batch")
    answers = await asyncio.gather(
        *(
            engine.submit_one("t", TaskPolicy(), b"%d" % number, Options(), None, ticket)
            for number, ticket in enumerate(tickets)
        ),
        return_exceptions=True,
    )
    assert answers[1] == done
    assert isinstance(answers[3], Conflict)
    assert [answers[place][1] for place in (0, 2, 4)] == [0, 1, 2]
    assert await count(store, "batch") == before + 1


async def test_without_a_ticket_a_single_asks_what_it_asked_before(store, requests):
    await submit(store, None)
    plain = dict(store.statements)
    assert not {"lock_tickets", "stamp_ticket", "insert_consumed_block"} & set(plain)
    await submit(store, await requests.begin("k", *ASK))
    assert dict(store.statements) == {**plain, "lock_tickets": 1, "stamp_ticket": 1}


@pytest.mark.parametrize("act", ["retry", "resume", "cancel", "limits"])
async def test_an_act_is_done_and_noted_once(store, requests, act):
    batch_id = await submit_items(store, 3)
    await send(store, fail(await take_one(store, items=1), retryable=False))
    engine, actions = engine_on(store), Actions(store, "default")

    async def asked(ticket):
        by = actions.recording(act, batch_id, "all", "key", ticket=ticket, may_run=act == "retry")
        match act:
            case "retry":
                answer = await engine.retry(batch_id, RetryScope(), by=by)
            case "resume":
                answer = await engine.resume(batch_id, by=by)
            case "cancel":
                answer = await engine.cancel_items(batch_id, [1, 2, 7], by=by)
            case _:
                answer = await engine.limit(batch_id, 2, by=by)
        return answer, by.action

    ticket = await requests.begin("k", *ASK)
    first = await asked(ticket)
    if act == "retry":  # it failed again: a second retry would find something to do
        await send(store, fail(await take_one(store, items=1), retryable=False))
    if act == "resume":
        await engine.pause(batch_id)
    if act == "limits":
        await engine.limit(batch_id, 7)
    there = await store.tables.fetch("select phase, max_concurrency, failed, cancelled, round from batch")
    assert await asked(await requests.begin("k", *ASK)) == first
    assert await store.tables.fetch("select phase, max_concurrency, failed, cancelled, round from batch") == there
    assert await count(store, "action") == 1


async def test_an_act_that_failed_leaves_its_key_free(store, requests):
    ticket = await requests.begin("k", *ASK)
    by = Actions(store, "default").recording("cancel", bytes(16), "all", "key", ticket=ticket)
    with pytest.raises(NotFound):
        await engine_on(store).cancel(bytes(16), by=by)
    await requests.forget(ticket)
    assert isinstance(await requests.begin("k", "POST", "/", "other"), Ticket)


async def test_what_could_not_be_done_may_be_tried_again_under_the_key(store, requests):
    batch_id = await submit_items(store, 1)
    held = await take_one(store)
    engine, actions = engine_on(store), Actions(store, "default")
    ticket = await requests.begin("k", *ASK)

    async def skipped(ticket):
        by = actions.recording("skip", batch_id, "one", "key", if_any=True, ticket=ticket)
        return (await engine.skip(batch_id, 0, by=by)).done

    assert await skipped(ticket) is False
    await requests.forget(ticket)
    await send(store, fail(held, retryable=False))
    ticket = await requests.begin("k", "POST", "/", "other")
    assert await skipped(ticket) is True
    assert await skipped(ticket) is True


async def test_a_webhook_endpoint_is_made_and_tested_once(store, requests):
    webhooks, actions = Webhooks(store, "default"), Actions(store, "default")
    made = []
    for number in range(2):
        ticket = await requests.begin("made", *ASK)
        by = actions.recording("create webhook endpoint", None, "", "key", ticket=ticket)
        new = NewEndpoint(
            id=f"whe_{number}", url="https://x.example/", auth=Auth("none"), secret=b"sealed", secret_hint="…"
        )
        made.append(await webhooks.create(new, by=by))
        assert by.repeated is bool(number)
    assert made[0] == made[1]
    assert b"sealed" not in (await store.tables.fetch("select done from request"))[0][0][0]
    tested = []
    for _ in range(2):
        ticket = await requests.begin("tested", *ASK)
        by = actions.recording("test webhook endpoint", None, "", "key", ticket=ticket)
        tested.append(await webhooks.test("whe_0", by=by))
    assert tested[0] == tested[1]
    assert await count(store, "webhook_delivery") == 1


async def test_of_many_who_go_on_under_one_key_one_acts(store, requests):
    ticket = await requests.begin("k", *ASK)
    engines = [engine_on(store.store) for _ in range(8)]
    answers = await asyncio.gather(
        *(one.submit_one("t", TaskPolicy(), b"1", Options(), None, ticket) for one in engines)
    )
    assert len(set(answers)) == 1
    assert await count(store, "batch") == 1
