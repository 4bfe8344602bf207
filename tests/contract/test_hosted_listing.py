"""Lists of hosted executions: newest first, whatever they are in, at the price of a page."""

from __future__ import annotations

import time

import pytest

from stook.core.extras import ItemExtras
from stook.core.ids import execution_id, parse_id
from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.engine.hosted_executions import place_of
from stook.store.script.finish import finish_item
from stook.store.script.read.hosted_batches import HostedFilter
from stook.store.script.read.hosted_pages import hosted_page
from stook.store.script.submit import submit
from tests.contract.batches import chunked, fail, new_batch, payloads, send, succeed
from tests.contract.hosted import FIRST, PROJECT, SECOND_ONE, Hosting, resolved
from tests.contract.million import MILLION
from tests.contract.test_plans import STATISTICS, postgres_rows, sqlite_steps

ENDED_BADLY = {State.failed, State.cancelled, State.expired}


@pytest.fixture
def hosting(store):
    return Hosting(store)


@pytest.fixture
def shop(runner, hosting):
    """Singles of two apps and a batch between them: ids, oldest first."""

    async def made():
        first = await hosting.submit(b"1")
        store = hosting.store
        store.clock.advance(10)
        batch = await hosting.batches.create(
            PROJECT, resolved("ship", label="v2", of=SECOND_ONE), [b"%d" % n for n in range(5)]
        )
        store.clock.advance(10)
        last = await hosting.submit(b"2", resolved("bill", app="office"))
        base = parse_id(batch.id)
        return [first, *(execution_id(base, index) for index in range(5)), last]

    return runner.run(made())


async def test_newest_first_and_oldest_first(hosting, shop):
    assert await hosting.ids() == shop[::-1]
    assert await hosting.ids(order="oldest") == shop


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_pages_are_the_whole_in_pieces(hosting, shop, order):
    whole = await hosting.ids(order=order)
    for size in (1, 2, 3, 6, 7, 8):
        pages = [
            await hosting.executions.list(PROJECT, dialect="kernel", offset=at, limit=size, order=order)
            for at in range(0, 8, size)
        ]
        assert [one.id for page in pages for one in page.items] == whole
        assert [page.more for page in pages] == [at + size < 7 for at in range(0, 8, size)]


async def test_filters_are_joined_by_and(hosting, shop):
    base = shop[1]
    assert await hosting.ids(app="shop") == shop[5::-1]
    assert await hosting.ids(app="shop", order="oldest") == shop[:6]
    assert await hosting.ids(action="bill") == [shop[6]]
    assert await hosting.ids(app="shop", action="bill") == []
    assert await hosting.ids(label="v2") == shop[5:0:-1]
    assert await hosting.ids(deployment_id=SECOND_ONE) == shop[5:0:-1]
    assert await hosting.ids(deployment_id=FIRST, order="oldest") == [shop[0], shop[6]]
    assert await hosting.ids(batch_id=base) == shop[5:0:-1]
    assert await hosting.ids(batch_id=base, label="latest") == []
    assert await hosting.ids(batch_id=shop[2]) == [], "it is no batch's id"
    assert await hosting.ids(dialect="vellum") == []
    assert await hosting.ids(app="a\0") == []
    assert await hosting.executions.count(PROJECT, dialect="kernel", app="shop") == 6


async def test_since_is_by_the_databases_clock(store, hosting, shop):
    assert await hosting.ids(since=store.clock.now) == [shop[6]]
    assert await hosting.ids(since=store.clock.now - 10_000_000) == shop[:0:-1]
    assert await hosting.ids(since=store.clock.now - 20_000_000) == shop[::-1]
    assert await hosting.ids(since=store.clock.now + 1) == []


async def test_a_query_is_a_name_or_an_ids_beginning(hosting, shop):
    assert await hosting.ids(query="OFF") == [shop[6]]
    assert await hosting.ids(query="hi") == shop[5:0:-1], "of the action: ship"
    assert await hosting.ids(query=shop[3]) == [shop[3]]
    assert await hosting.ids(query=shop[3].replace("-", "").upper()) == [shop[3]]
    assert await hosting.ids(query=shop[1][:-2]) == shop[5:0:-1]
    assert await hosting.ids(query=shop[1][:-2], states={State.succeeded}) == []
    assert await hosting.ids(query="zz%_") == []
    assert await hosting.executions.count(PROJECT, dialect="kernel", query=shop[3]) == 1


async def test_states_are_those_of_the_moment(store, hosting, shop):
    ship = resolved("ship", of=SECOND_ONE)
    one = await hosting.take_one(ship, items=3)
    await send(store, succeed(one, one.offsets[:1]))
    await send(store, fail(one, 1, retryable=False))
    ids = hosting.ids
    assert await ids(states={State.succeeded}) == [shop[1]]
    assert await ids(states={State.failed}) == [shop[2]]
    assert await ids(states={State.running}) == [shop[3]]
    assert await ids(states={State.queued}, app="shop") == [shop[5], shop[4], shop[0]]
    assert await ids(states={State.queued, State.running}, begun=True) == [shop[3]]
    assert await ids(states={State.queued, State.running}, begun=False, order="oldest") == [shop[0], *shop[4:]]
    assert await ids(states={State.queued, State.running}, offset=2, limit=2) == [shop[4], shop[3]]
    assert await hosting.executions.count(PROJECT, dialect="kernel", states={State.queued}) == 4
    await hosting.executions.cancel(PROJECT, shop[5], output="enough")
    assert await ids(states=ENDED_BADLY) == [shop[5], shop[2]]
    assert await hosting.executions.count(PROJECT, dialect="kernel", states=ENDED_BADLY) == 2


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_outlines_are_of_all_of_them(hosting, shop, order, monkeypatch):
    for size in (1, 2, 3, 7, 500):
        monkeypatch.setattr("stook.engine.hosted_executions._OUTLINES", size)
        found = [one async for some in hosting.executions.every(PROJECT, dialect="kernel", order=order) for one in some]
        assert [one.id for one in found] == await hosting.ids(order=order), size
        assert {one.state for one in found} == {State.queued}
        office = [
            one.id async for some in hosting.executions.every(PROJECT, dialect="kernel", app="office") for one in some
        ]
        assert office == [shop[6]]


async def test_a_beginning_of_an_id_finds_two_at_the_most(hosting, shop):
    find = hosting.executions.find_prefix
    assert await find(PROJECT, shop[3], dialect="kernel") == [shop[3]]
    assert await find(PROJECT, shop[0][:23], dialect="kernel") == [shop[0]]
    assert await find(PROJECT, shop[3][:-1], dialect="kernel") == [shop[5], shop[4]]
    assert len(await find(PROJECT, shop[0][:4], dialect="kernel")) == 2
    assert await find(PROJECT, shop[0][:3], dialect="kernel") == [], "too short"
    assert await find(PROJECT, shop[0], dialect="vellum") == []
    assert await find("another", shop[0], dialect="kernel") == []
    assert await find(PROJECT, "nothing!", dialect="kernel") == []


# ---------------------------------------------------------------------------------------------------------- price


async def large(store, hosting):
    """A million items in one batch, and around it the singles of a busy project."""
    store.audited = False
    ship = resolved("ship")
    for number in range(200):
        await hosting.submit(b"%d" % number, resolved(f"a{number % 3}"))
    new = new_batch(store, project=PROJECT, task=ship.task, hosted=place_of(ship))
    items = payloads(512)
    await store.write(submit, new, chunked(items * (MILLION // 512 + 1))[: MILLION // 512 + 1])
    for number in range(20):
        await hosting.submit(b"%d" % number, resolved(f"a{number % 3}"))
    return new.id


async def test_a_page_of_a_million_costs_a_page(store, hosting):
    big = await large(store, hosting)
    at = 700_000
    await store.write(finish_item, big, at, result=b"1", form=1)
    asked = {
        "newest": ({}, 0),
        "deep": ({}, 900_000),
        "behind it": ({}, MILLION + 600),
        "the one that ended": ({"states": frozenset({State.succeeded})}, 0),
        "of one batch": ({"batch_id": big}, 500_000),
        "of none": ({"app": "nobody"}, 0),
    }
    for name, (by, offset) in asked.items():
        statements = 0

        def counting(*arguments, **options):
            nonlocal statements
            script, answer = hosted_page(*arguments, **options), None
            try:
                while True:
                    statement = script.send(answer)
                    statements += 1
                    answer = yield statement
            except StopIteration as stop:
                return stop.value

        begun = time.perf_counter()
        page = await store.read(
            counting, PROJECT, HostedFilter(dialect="kernel", **by), newest=True, offset=offset, limit=20
        )
        took = time.perf_counter() - begun
        assert len(page.items) == {"the one that ended": 1, "of none": 0}.get(name, 20), name
        assert statements < 250, (name, statements)
        assert took < 3.0, (name, took)


async def test_a_page_of_singles_asks_no_more_than_a_page_of_a_batch(store, hosting):
    """Each in a commit of its own; some have ended, one way or another."""
    store.audited = False
    for number in range(30):
        await hosting.submit(b"%d" % number, metadata={"n": number})
    ended = await hosting.take_all()
    await send(store, *(succeed(one) for one in ended[:10]))
    await send(store, *(fail(one, retryable=False) for one in ended[10:15]))
    counter = {}

    def counting():
        script, answer = hosted_page(PROJECT, HostedFilter(dialect="kernel"), newest=False, offset=0, limit=30), None
        try:
            while True:
                statement = script.send(answer)
                name = getattr(statement, "name", "now")
                counter[name] = counter.get(name, 0) + 1
                answer = yield statement
        except StopIteration as stop:
            return stop.value

    page = await store.read(counting)
    assert [one.row.state for one in page.items] == 10 * [State.succeeded] + 5 * [State.failed] + 15 * [State.running]
    assert [one.row.input for one in page.items] == [b"%d" % number for number in range(30)]
    assert [one.extras.metadata for one in page.items] == [{"n": number} for number in range(30)]
    assert {one.row.result for one in page.items[:10]} == {b'{"done":0}'}
    assert {one.row.error.message for one in page.items[10:15]} == {"boom"}
    assert sum(counter.values()) < 25, counter


async def test_those_that_ended_so_are_found_at_the_price_of_a_page(store, hosting):
    """Few among many, of singles and of batches, whatever became of them since."""
    store.audited = False
    shop = resolved()
    ids = [await hosting.submit(b"%d" % number) for number in range(60)]
    batch = await hosting.batches.create(PROJECT, shop, [b"1", b"2"])
    in_batch = [execution_id(parse_id(batch.id), index) for index in range(2)]
    ended = await hosting.take_all()
    of_batch = [one for one in ended if one.batch_id == parse_id(batch.id)]
    singles = [one for one in ended if one.batch_id != parse_id(batch.id)]
    await send(store, *(fail(one, retryable=False) for one in singles[:2]))
    await send(store, *(succeed(one) for one in singles[2:40]))
    (one,) = of_batch
    await send(store, fail(one, 1, retryable=False))
    assert await hosting.ids(app="shop", states=ENDED_BADLY) == [in_batch[1], *ids[1::-1]]
    await send(store, succeed(one, one.offsets[:1]))
    assert await hosting.ids(app="shop", states=ENDED_BADLY, order="oldest") == [*ids[:2], in_batch[1]]
    assert await hosting.ids(app="shop", states={State.succeeded}, limit=2) == [in_batch[0], ids[39]]
    assert await hosting.ids(app="shop", states={State.running}) == ids[:39:-1]
    engine = hosting.engine_of(PROJECT)
    await engine.retry(parse_id(in_batch[0]), RetryScope())
    assert await hosting.ids(app="shop", states=ENDED_BADLY) == ids[1::-1], "taken up again"
    count = hosting.executions.count
    assert await count(PROJECT, dialect="kernel", app="shop", states=ENDED_BADLY) == 2
    assert await count(PROJECT, dialect="kernel", app="shop", states={State.succeeded}, most=7) == 7
    assert await count(PROJECT, dialect="kernel", app="shop", most=1000) == 62


async def test_since_and_until(store, hosting):
    store.clock.now = time.time_ns() // 1000  # ids begin with the time that their maker knows
    begun, ids = store.clock.now, []
    for _ in range(3):
        ids.append(await hosting.submit(b"1"))
        store.clock.advance(10)
    one, two = begun + 10_000_000, begun + 20_000_000
    assert await hosting.ids(app="shop", until=one) == ids[:1]
    assert await hosting.ids(app="shop", since=one, until=two, states={State.queued}) == ids[1:2]
    assert await hosting.ids(since=one, until=two + 1, order="oldest") == ids[1:]
    assert await hosting.ids(until=begun, order="oldest") == []
    assert await hosting.executions.count(PROJECT, dialect="kernel", until=two) == 2


ROWS = ("default", "kernel", b"\xff" * 16, 31, None, None, 1, 21)
HOT = {
    "list_hosted_batches": ROWS,
    "list_hosted_app": (*ROWS, "shop"),
    "list_hosted_deployment": (*ROWS[2:], FIRST),
    "list_hosted_batches_oldest": ("default", "kernel", b"\0" * 16, 31, None, None, 1, 21),
    "list_hosted_app_oldest": ("default", "kernel", b"\0" * 16, 31, None, None, 1, 21, "shop"),
    "list_hosted_deployment_oldest": (b"\0" * 16, 31, None, None, 1, 21, FIRST),
    "list_hosted_ended": ("default", "kernel", "other", 2, b"\xff" * 16, 2, None, None, 1, 21),
    "list_hosted_ended_oldest": ("default", "kernel", "other", 2, b"\0" * 16, 2, None, None, 1, 21),
    "find_external_id": ("default", "x77"),
    "find_hosted_prefix": ("default", "kernel", b"\0" * 16, b"\xff" * 16, 2),
    "read_given_output": (b"\1" * 16, 5),
    "read_hosted_batch": (b"\1" * 16,),
    "read_batches": (b"\1" * 16,),
    "first_claims": (b"\1" * 16,),
}


async def test_what_is_asked_goes_by_an_index(store, hosting):
    store.audited = False

    def crowd():
        for number in range(1500):
            place = place_of(resolved(app="other", of=SECOND_ONE))
            new = new_batch(store, project=PROJECT, single=True, hosted=place)
            chunks = chunked([b"1"])
            chunks[0].extras = {0: ItemExtras(external_id=f"y{number}")}
            yield from submit(new, chunks)

    await store.write(crowd)
    await hosting.submit(b"1", external_id="x77")
    if store.kind == "sqlite":
        found = {name: await sqlite_steps(store, name, params) for name, params in HOT.items()}
        assert {name: ticks for name, ticks in found.items() if ticks > 3} == {}
        return
    from stook.store.postgres.connect import connect

    connection = await connect(store.store.url, "stook", timeout=None)
    try:
        for statistics, said in STATISTICS.items():
            await store.tables.connection.execute(said)
            found = {name: await postgres_rows(connection, name, params) for name, params in HOT.items()}
            assert {name: rows for name, rows in found.items() if rows > 200} == {}, statistics
    finally:
        await connection.close()
