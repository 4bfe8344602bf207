"""Batches of hosted code: ordinary batches, seen by their app and action."""

from __future__ import annotations

import pytest

from stook.core.errors import DuplicateKeys, KeyConflict, OptionError
from stook.core.given_output import Form, given_result, given_text
from stook.core.hosted_reason import HostedReason
from stook.core.states import BatchState, State
from stook.engine.hosted_executions import AlreadyEnded, Ended, ExternalIdHeld
from stook.store.script.renew import look
from stook.store.script.submit import submit
from tests.contract.batches import chunked, fail, new_batch, send, succeed
from tests.contract.hosted import PROJECT, Hosting, resolved

EXACT = [b"1", b' {"a" : 1.0} ', b'"\\u00e9"', b"null", b"[1,\n2]"]


@pytest.fixture
def hosting(store):
    return Hosting(store)


async def items_of(hosting, batch_id, **by):
    return [one async for some in hosting.batches.items(PROJECT, batch_id, **by) for one in some]


async def test_a_batch_keeps_what_it_was_given_in_its_order(store, hosting):
    made = await hosting.batches.create(
        PROJECT,
        resolved(label="v2"),
        EXACT,
        max_concurrency=2,
        timeout=900.0,
        priority=3,
        item_ids=list("abcde"),
        external_ids=["x", None, "y", None, None],
        metadatas=[None, {"m": 1}, None, None, None],
        actor="me",
    )
    assert (made.app, made.action, made.label, made.actor) == ("shop", "pay", "v2", "me")
    assert (made.state, made.begun, made.started_at) == (BatchState.queued, False, None)
    assert (made.counters.total, made.max_concurrency, made.priority) == (5, 2, 3)
    found = await items_of(hosting, made.id)
    assert [one.payload for one in found] == EXACT
    assert [one.item_id for one in found] == list("abcde")
    assert [one.external_id for one in found] == ["x", None, "y", None, None]
    assert found[1].metadata == {"m": 1}
    assert {(one.batch_id, one.timeout, one.label) for one in found} == {(made.id, 900.0, "v2")}
    one = await hosting.take_one(items=9)
    assert (len(one.offsets), one.policy.timeout) == (2, 900.0), "no more than two at once"
    later = await hosting.batches.get(PROJECT, made.id)
    assert (later.begun, later.started_at, later.counters.running) == (True, store.clock.now, 2)
    assert (later.state, later.counters.queued) == (BatchState.running, 3)


async def test_it_started_when_the_first_was_claimed_and_goes_on_to_say_so(store, hosting):
    made = await hosting.batches.create(PROJECT, resolved(), [b"%d" % n for n in range(3)])
    begun = store.clock.now
    first = await hosting.take_one()
    store.clock.advance(5)
    second = await hosting.take_one(items=2)

    async def started():
        return (await hosting.batches.get(PROJECT, made.id)).started_at

    assert await started() == begun
    store.clock.advance(5)
    await send(store, succeed(second))
    assert await started() == begun
    await send(store, succeed(first))
    assert await started() == begun


async def test_its_price_is_that_of_any_batch(store, hosting):
    count = 100_000
    items = [b"%d" % number for number in range(count)]
    store.audited = False
    await hosting.batches.create(PROJECT, resolved(), items)
    hosted = dict(store.statements)
    await store.write(submit, new_batch(store), chunked(items))
    native = dict(store.statements)
    assert hosted.pop("insert_hosted_batch") == 1
    assert hosted == native
    (rows,) = await store.tables.fetch("select count(*) from hosted_batch")
    assert rows[0][0] == 1


async def test_an_external_id_that_is_held_refuses_all_of_it(hosting):
    held = await hosting.submit(external_id="y")
    made = await hosting.batches.create(PROJECT, resolved(), [b"1", b"2"], external_ids=["x", "y"])
    assert made == ExternalIdHeld(held, "y")
    assert await hosting.ids() == [held]
    assert isinstance(await hosting.executions.submit(PROJECT, resolved(), b"1", external_id="x"), str), "it is free"


async def test_ids_are_each_others_own(hosting):
    with pytest.raises(OptionError, match="item 0's already"):
        await hosting.batches.create(PROJECT, resolved(), [b"1", b"2"], external_ids=["x", "x"])
    with pytest.raises(DuplicateKeys):
        await hosting.batches.create(PROJECT, resolved(), [b"1", b"2"], item_ids=["a", "a"])
    assert await hosting.ids() == []


async def test_a_key_stands_for_one_batch(hosting):
    create, page = hosting.batches.create, hosting.batches.list
    made = await create(PROJECT, resolved(), [b"1"], key="k", digest="d")
    assert (await create(PROJECT, resolved(), [b"1"], key="k", digest="d")).id == made.id
    with pytest.raises(KeyConflict):
        await create(PROJECT, resolved(), [b"2"], key="k", digest="e")
    assert len((await page(PROJECT, dialect="kernel")).items) == 1


async def test_cancelled_with_an_output_for_all_that_had_not_ended(store, hosting):
    made = await hosting.batches.create(PROJECT, resolved(), [b"%d" % n for n in range(6)])
    one = await hosting.take_one(items=3)
    await send(store, succeed(one, one.offsets[:1]))
    ids = [item.id for item in await items_of(hosting, made.id)]
    await hosting.executions.cancel(PROJECT, ids[5], output="alone")
    await hosting.executions.cancel(PROJECT, ids[4])
    assert await hosting.batches.cancel(PROJECT, made.id, output="all") == Ended(running=True)
    assert await hosting.batches.cancel(PROJECT, made.id, output="again") == Ended(running=True)
    assert (await store.write(look, [one.token])).cancelled == [(one.token, None)]
    assert [item.stopping for item in await items_of(hosting, made.id)] == [False, True, True, False, False, False]
    await send(store, succeed(one, one.offsets[1:]))
    found = await items_of(hosting, made.id)
    assert [item.output for item in found] == [None, "all", "all", "all", None, "alone"]
    assert [item.state for item in found] == [State.succeeded] + 5 * [State.cancelled]
    assert {item.reason for item in found[1:]} == {HostedReason.cancelled}
    batch = await hosting.batches.get(PROJECT, made.id)
    assert (batch.state, batch.reason, batch.counters.cancelled) == (BatchState.cancelled, "cancelled by user", 5)
    assert await hosting.batches.cancel(PROJECT, made.id) == AlreadyEnded(State.cancelled)


async def test_what_failed_goes_again_as_a_batch_of_its_own(store, hosting):
    made = await hosting.batches.create(
        PROJECT, resolved(), EXACT, max_concurrency=4, timeout=60.0, item_ids=list("abcde"), actor="me"
    )
    assert await hosting.batches.retry_failed(PROJECT, made.id) is None, "nothing has failed"
    one = await hosting.take_one(items=4)
    await send(store, fail(one, 1, retryable=False), succeed(one, [0, 2, 3]))
    await hosting.batches.cancel(PROJECT, made.id)
    again = await hosting.batches.retry_failed(PROJECT, made.id)
    assert (again.id != made.id, again.counters.total, again.max_concurrency, again.actor) == (True, 2, 4, "me")
    found = await items_of(hosting, again.id)
    assert [item.payload for item in found] == [EXACT[1], EXACT[4]]
    assert [(item.item_id, item.timeout) for item in found] == [("b", 60.0), ("e", 60.0)]
    assert (await hosting.batches.get(PROJECT, made.id)).counters.cancelled == 1, "the first stays as it was"


async def test_batches_of_tasks_newest_first(store, hosting):
    made = [
        (await hosting.batches.create(PROJECT, resolved(action, app=app), [b"1"])).id
        for app, action in (("shop", "pay"), ("shop", "ship"), ("office", "pay"))
    ]
    await hosting.submit()
    page = hosting.batches.list

    async def ids(**by):
        return [one.id for one in (await page(PROJECT, dialect="kernel", **by)).items]

    assert await ids() == made[::-1]
    assert await ids(app="shop") == [made[1], made[0]]
    assert await ids(action="pay") == [made[2], made[0]]
    assert await ids(limit=1, offset=1) == [made[1]]
    assert [(await page(PROJECT, dialect="kernel", limit=n)).more for n in (2, 3)] == [True, False]
    await send(store, succeed(await hosting.take_one(resolved("ship"))))
    assert await ids(shown=lambda one: one.state.terminal) == [made[1]]
    assert await ids(shown=lambda one: not one.state.terminal, limit=1) == [made[2]]
    assert (await page("another", dialect="kernel")).items == []


async def test_whose_it_is(hosting):
    made = (await hosting.batches.create(PROJECT, resolved(), [b"1", b"2"])).id
    single = await hosting.submit()
    for text in (single, "nonsense", made[:-1] + "1"):
        assert await hosting.batches.get(PROJECT, text) is None
        assert await hosting.batches.cancel(PROJECT, text) is None
        assert await items_of(hosting, text) == []
    assert await hosting.batches.get("another", made) is None
    assert await hosting.batches.cancel("another", made) is None


@pytest.mark.parametrize("text", [None, "", "1", "{}", " {} ", "plain", "\ud800", '"\\u0000"', "NaN", "[1,"])
def test_a_text_comes_back_from_the_result_it_became(text):
    result, form = given_result(text)
    assert given_text(result, form) == text
    assert (form is Form.itself) == (text in {"1", "{}", '"\\u0000"'})
