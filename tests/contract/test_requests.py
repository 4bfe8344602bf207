"""Idempotency keys: one answer per key, for a day, whoever dies."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.errors import OptionError
from stook.engine.blobs import Blobs
from stook.engine.maintenance import Maintenance
from stook.engine.requests import Busy, Mismatch, Requests, Stored, Ticket
from stook.store.blob_rows import BlobRows
from stook.store.script.request import begin_request, old_requests, purge_requests

ASK = ("POST", "/api/v1/batches", "digest")


@pytest.fixture
def requests(store, runner):
    found = Requests(store, "p")
    yield found
    runner.run(found.close())


async def kept(store):
    (rows,) = await store.tables.fetch("select key from request order by key")
    return [row[0] for row in rows]


async def test_the_second_time_the_first_answer_comes(store, requests):
    ticket = await requests.begin("k", *ASK)
    assert isinstance(ticket, Ticket)
    await requests.finish(ticket, 201, b'{"id": 1}')
    assert await requests.begin("k", *ASK) == Stored(201, b'{"id": 1}')
    assert await requests.begin("k", *ASK) == Stored(201, b'{"id": 1}')
    assert isinstance(await requests.begin("other", *ASK), Ticket)


async def test_a_body_may_be_any_bytes_or_none(store, requests):
    for number, body in enumerate((b"", b"\0\xff", b"x" * 300_000)):
        ticket = await requests.begin(f"k{number}", *ASK)
        await requests.finish(ticket, 200, body)
        assert await requests.begin(f"k{number}", *ASK) == Stored(200, body)


@pytest.mark.parametrize(("place", "field"), [(0, "method"), (1, "path"), (2, "body")])
@pytest.mark.parametrize("finished", [True, False])
async def test_another_request_under_the_key_is_told_what_differs(store, requests, place, field, finished):
    ticket = await requests.begin("k", *ASK)
    if finished:
        await requests.finish(ticket, 200, b"")
    other = list(ASK)
    other[place] = "another"
    assert await requests.begin("k", *other) == Mismatch(field)


async def test_while_the_first_is_under_way_the_second_is_told_so(store, requests):
    await requests.begin("k", *ASK)
    assert isinstance(await requests.begin("k", *ASK), Busy)


async def test_keys_belong_to_a_project(store, requests):
    ticket = await requests.begin("k", *ASK)
    await requests.finish(ticket, 200, b"mine")
    theirs = Requests(store, "q")
    ticket = await theirs.begin("k", *ASK)
    assert isinstance(ticket, Ticket)
    await theirs.finish(ticket, 200, b"theirs")
    assert await requests.begin("k", *ASK) == Stored(200, b"mine")
    await theirs.close()


async def test_a_forgotten_key_is_free_at_once(store, requests):
    ticket = await requests.begin("k", *ASK)
    await requests.forget(ticket)
    assert isinstance(await requests.begin("k", "PUT", "/", "other"), Ticket)


async def test_an_answer_that_was_given_is_neither_forgotten_nor_replaced(store, requests):
    ticket = await requests.begin("k", *ASK)
    await requests.finish(ticket, 200, b"first")
    await requests.forget(ticket)
    await requests.finish(ticket, 200, b"second")
    assert await requests.begin("k", *ASK) == Stored(200, b"first")


async def test_finishing_what_nobody_began_does_nothing(store, requests):
    nobodys = Ticket("p", "k", 1)
    await requests.finish(nobodys, 200, b"")
    await requests.forget(nobodys)
    assert await kept(store) == []


async def test_when_its_process_dies_the_key_is_free_some_seconds_later(store, requests):
    await requests.begin("k", *ASK)
    store.clock.advance(14)
    assert isinstance(await requests.begin("k", *ASK), Busy)
    store.clock.advance(1)
    survivor = Requests(store, "p")
    assert isinstance(await survivor.begin("k", *ASK), Ticket)
    assert isinstance(await requests.begin("k", *ASK), Busy)
    await survivor.close()


async def test_a_request_that_takes_long_keeps_its_key(store, requests):
    ticket = await requests.begin("long", *ASK)
    done = await requests.begin("done", *ASK)
    await requests.finish(done, 200, b"")
    for _ in range(10):
        store.clock.advance(10)
        await requests.keep_alive()
        assert isinstance(await requests.begin("long", *ASK), Busy)
    await requests.finish(ticket, 200, b"at last")
    assert await requests.begin("long", *ASK) == Stored(200, b"at last")


async def test_signs_of_life_come_by_themselves(store, requests, monkeypatch):
    monkeypatch.setattr("stook.engine.requests.BEAT", 0.001)
    ticket = await requests.begin("k", *ASK)
    for _ in range(3):
        store.clock.advance(14)
        now = store.clock.now
        while (await store.tables.fetch("select alive_until from request"))[0][0][0] <= now + 14_000_000:
            await asyncio.sleep(0.001)
    await requests.finish(ticket, 200, b"")
    while not requests._beating.done():
        await asyncio.sleep(0.001)


async def test_an_answer_is_kept_for_a_day_and_then_purged(store, requests):
    for key in ("a", "b"):
        ticket = await requests.begin(key, *ASK)
        await requests.finish(ticket, 200, b"")
    store.clock.advance(3600)
    await requests.begin("later", *ASK)
    store.clock.advance(23 * 3600 - 1)
    assert await requests.begin("a", *ASK) == Stored(200, b"")
    assert await store.read(old_requests) is False
    store.clock.advance(1)
    assert isinstance(await requests.begin("a", "PUT", "/", "other"), Ticket), "the day is over"
    assert await store.read(old_requests) is True
    assert await store.write(purge_requests, 10) == 1
    assert await store.write(purge_requests, 10) == 0
    assert await kept(store) == ["a", "later"]


async def test_maintenance_purges_them(store, requests):
    maintenance = Maintenance(store, Blobs(BlobRows(store)), "p")
    for number in range(3):
        ticket = await requests.begin(f"k{number}", *ASK)
        await requests.finish(ticket, 200, b"")
    await maintenance.forget_answers()
    assert len(await kept(store)) == 3
    store.clock.advance(24 * 3600)
    await maintenance.forget_answers()
    assert await kept(store) == []


async def test_purging_goes_in_bites(store, requests):
    for number in range(7):
        await requests.begin(f"k{number}", *ASK)
    store.clock.advance(24 * 3600)
    assert [await store.write(purge_requests, 3) for _ in range(4)] == [3, 3, 1, 0]


async def test_of_many_who_begin_at_once_one_does(store):
    asked = [store.store.write(begin_request, "p", "k", *ASK, number) for number in range(20)]
    answers = await asyncio.gather(*asked)
    assert sum(one is None for one in answers) == 1
    assert sum(isinstance(one, Busy) for one in answers) == 19


async def test_of_many_who_take_over_at_once_one_does(store):
    await store.write(begin_request, "p", "k", *ASK, 99)
    store.clock.advance(60)
    answers = await asyncio.gather(*(store.store.write(begin_request, "p", "k", *ASK, number) for number in range(20)))
    assert sum(one is None for one in answers) == 1


async def test_a_beginning_that_runs_a_second_time_has_begun(store):
    assert await store.write(begin_request, "p", "k", *ASK, 5) is None
    assert await store.write(begin_request, "p", "k", *ASK, 5) is None
    assert isinstance(await store.write(begin_request, "p", "k", *ASK, 6), Busy)


@pytest.mark.parametrize("key", ["", "a\0b", "x" * 513, "\ud800"])
async def test_a_key_that_cannot_be_kept_is_refused(store, requests, key):
    with pytest.raises(OptionError, match="Idempotency-Key"):
        await requests.begin(key, *ASK)
