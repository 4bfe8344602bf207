"""Projects and their quotas: held by every way of submitting, at a cost that does not grow."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.errors import Conflict, NotFound, OptionError, QuotaExceeded
from stook.engine.blobs import Blobs
from stook.engine.keys import Keys
from stook.engine.projects import Projects
from stook.engine.singles import Single, Singles
from stook.store.blob_rows import BlobRows
from stook.store.script.read.batch_list import list_batches
from stook.store.script.submit import append, create_batch, seal, submit
from tests.contract.batches import (
    batch_of,
    chunked,
    claim_all,
    drain,
    indexes,
    new_batch,
    payloads,
    policy,
    submit_items,
)


@pytest.fixture
def projects(store):
    return Projects(store)


async def rows(store, *tables):
    found = await store.tables.fetch(*(f"select count(*) from {table}" for table in tables))
    return [table[0][0] for table in found]


async def test_a_project_is_made_listed_shown_and_changed(store, projects):
    made = await projects.create("team", weight=2, max_queued_items=100, max_rate=5)
    assert (made.name, made.weight, made.max_queued_items, made.max_rate) == ("team", 2.0, 100, 5.0)
    assert (made.max_concurrency, made.max_payload_bytes) == (None, None)
    assert (made.queued_items, made.queued_bytes, made.created_at) == (0, 0, store.clock.now)
    assert await projects.show("team") == made
    assert [one.name for one in await projects.list()] == ["default", "team"]
    changed = await projects.change("team", max_concurrency=7, max_queued_items=None)
    assert (changed.weight, changed.max_concurrency, changed.max_queued_items) == (2.0, 7, None)
    assert (changed.max_rate, changed.queued_items) == (5.0, None)
    assert await projects.show("team") == changed
    assert (await projects.list())[1] == changed
    assert (await projects.change("team", max_concurrency=None)).max_concurrency is None


async def test_the_first_project_is_always_there(store, projects):
    shown = await projects.show("default")
    assert (shown.weight, shown.created_at, shown.max_rate) == (1.0, None, None)
    assert await projects.list() == [shown]
    assert (await projects.change("default", weight=3)).weight == 3.0
    with pytest.raises(Conflict, match="there already"):
        await projects.create("default")


async def test_a_project_is_made_once(store, projects):
    await projects.create("team", weight=2)
    with pytest.raises(Conflict, match="'team' is there already"):
        await projects.create("team", weight=3)
    assert (await projects.show("team")).weight == 2.0
    answers = await asyncio.gather(*(Projects(store.store).create("new") for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(one, Conflict) for one in answers) == 7


async def test_a_project_that_has_a_key_is_there(store, projects):
    for look in (projects.show, lambda name: projects.change(name, weight=2)):
        for name in ("old", "a\0b", "\ud800"):
            with pytest.raises(NotFound, match="no such project"):
                await look(name)
    await Keys(store).create("old", "ci", ["read"])
    assert (await projects.show("old")).weight == 1.0
    assert (await projects.change("old", weight=2)).weight == 2.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": 0},
        {"weight": float("nan")},
        {"max_concurrency": 0},
        {"max_queued_items": -1},
        {"max_payload_bytes": 1.5},
        {"max_rate": float("inf")},
        {},
    ],
)
async def test_what_cannot_be_changes_nothing(store, projects, wrong):
    await projects.change("default", weight=2, max_rate=5)
    before = await projects.show("default")
    with pytest.raises(OptionError):
        await projects.change("default", **(wrong and {"max_rate": 9} | wrong))
    assert await projects.show("default") == before


async def test_the_limit_of_what_runs_holds_in_the_claim(store, projects):
    await projects.change("default", max_concurrency=3)
    await submit_items(store, 10)
    assert len(indexes(await claim_all(store))) == 3


# --------------------------------------------------------------------------------------------------- ways to submit


async def refused(store, coroutine):
    tables = ("batch", "chunk", "state", "segment", "item_key", "dedupe", "batch_size", "queue_change")
    before = await rows(store, *tables)
    with pytest.raises(QuotaExceeded) as caught:
        await coroutine
    await store.audit()
    assert await rows(store, *tables) == before, "nothing is half-written"
    return caught.value


async def submit_whole(store, count):
    await submit_items(store, count, per=3)


async def submit_with_dedupe_keys(store, count):
    new = new_batch(store)
    dedupe = [f"{new.id.hex()}{number}" for number in range(count)]
    await store.write(submit, new, chunked(payloads(count), 3, dedupe=dedupe))


async def submit_keyed(store, count):
    new = new_batch(store)
    await store.write(submit, new, chunked(payloads(count), 3, keys=[str(number) for number in range(count)]))


async def submit_later(store, count):
    await submit_items(store, count, run_at=store.clock.after(1000))


async def submit_one_by_one(store, count):
    singles = Singles(store, Blobs(BlobRows(store)), store.ids)
    single = Single("default", "t", "default", policy())
    answers = await asyncio.gather(
        *(singles.submit(single, payload) for payload in payloads(count)), return_exceptions=True
    )
    if any(isinstance(one, BaseException) for one in answers):
        raise answers[0]


WAYS = [submit_whole, submit_with_dedupe_keys, submit_keyed, submit_later, submit_one_by_one]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_no_way_of_submitting_goes_past_the_queue_s_limit(store, projects, way):
    await projects.change("default", max_queued_items=10)
    await way(store, 10)
    assert (await projects.show("default")).queued_items == 10
    error = await refused(store, way(store, 1))
    assert (error.limit, error.most) == ("max_queued_items", 10)
    store.clock.advance(2000)
    if way is submit_later:
        from stook.store.script.sweep import promote_due

        await store.write(promote_due)
    assert await drain(store) == 10
    await way(store, 10)


async def test_appending_is_submitting(store, projects):
    await projects.change("default", max_queued_items=10)
    new = new_batch(store)
    await store.write(create_batch, new)
    await store.write(append, new.id, chunked(payloads(6), 3), at=0)
    await refused(store, store.write(append, new.id, chunked(payloads(6), 3), at=6))
    await store.write(append, new.id, chunked(payloads(6), 3), at=0)
    assert (await projects.show("default")).queued_items == 6, "what is there already costs nothing"
    await store.write(append, new.id, chunked(payloads(4), 3), at=6)
    await store.write(seal, new.id)
    assert await drain(store) == 10


async def test_items_left_out_for_their_dedupe_key_cost_nothing(store, projects):
    await submit_items(store, 3, dedupe=["a", "b", "c"])
    await projects.change("default", max_queued_items=4)
    await submit_items(store, 4, dedupe=["a", "b", "c", "d"])
    assert (await projects.show("default")).queued_items == 4


async def test_the_key_of_a_batch_that_is_there_costs_nothing(store, projects):
    await projects.change("default", max_queued_items=3)
    first = await submit_items(store, 3, key="k", digest="d")
    again = new_batch(store, key="k", digest="d")
    assert (await store.write(submit, again, chunked(payloads(3)))).id == first


async def test_bytes_in_the_queue_are_limited(store, projects):
    chunk = len(chunked([b'"xxxxxxxxxx"'] * 10)[0].payloads)
    await projects.change("default", max_payload_bytes=chunk * 2)
    for _ in range(2):
        new = new_batch(store)
        await store.write(submit, new, chunked([b'"xxxxxxxxxx"'] * 10))
    assert (await projects.show("default")).queued_bytes == chunk * 2
    error = await refused(store, submit_whole(store, 1))
    assert error.limit == "max_payload_bytes"
    await drain(store)
    assert (await projects.show("default")).queued_bytes == 0


async def test_what_lies_in_the_blob_store_counts_with_its_size(store, projects):
    from stook.engine.intake import Chunker

    blobs = Blobs(BlobRows(store), inline=100)
    await projects.change("default", max_payload_bytes=10_000)

    async def send(size):
        new = new_batch(store)
        made = await Chunker(blobs, new.id).cut([b'"' + b"x" * (size - 2) + b'"'])
        await store.write(submit, new, made)
        return new.id

    store.audited = False  # blobs are written before their batch
    await send(6000)
    with pytest.raises(QuotaExceeded, match="max_payload_bytes"):
        await send(6000)
    before = (await projects.show("default")).queued_bytes
    assert 6000 < before < 6300
    await projects.change("default", max_payload_bytes=None)
    await projects.change("default", max_payload_bytes=10_000)
    assert (await projects.show("default")).queued_bytes == before, "counted from the chunks"


@pytest.mark.parametrize("limits", [{"max_queued_items": 10}, {"max_payload_bytes": 4000}, {"max_rate": 0.01}])
async def test_single_submissions_that_come_together_are_let_in_as_far_as_they_fit(store, projects, limits):
    await projects.change("default", **limits)
    if "max_rate" in limits:
        await submit_items(store, 9990, per=500)
    store.audited = False  # blobs are written before their batch
    singles = Singles(store, Blobs(BlobRows(store), inline=100), store.ids)
    single = Single("default", "t", "default", policy())
    large = [b'"' + b"x" * 300 + b'"'] * 13
    answers = await asyncio.gather(*(singles.submit(single, one) for one in large), return_exceptions=True)
    assert sum(isinstance(one, QuotaExceeded) for one in answers) == 3
    assert len({one[:2] for one in answers if isinstance(one, tuple)}) == 10
    assert await rows(store, "blob") == [10], "what was refused left nothing"
    single_ones = [one for one in answers if isinstance(one, QuotaExceeded)]
    assert {one.limit for one in single_ones} == set(limits)


async def test_the_rate_is_limited_and_says_when_to_come_again(store, projects):
    await projects.change("default", max_rate=100)
    await submit_items(store, 10_000)
    error = await refused(store, submit_whole(store, 50))
    assert (error.limit, error.retry_after) == ("max_rate", 0.5)
    store.clock.advance(error.retry_after)
    await submit_whole(store, 50)
    await refused(store, submit_whole(store, 1))


async def test_a_rate_that_changes_begins_with_a_full_bucket(store, projects):
    await projects.change("default", max_rate=1)
    await submit_items(store, 10_000)
    await projects.change("default", weight=2)
    await refused(store, submit_whole(store, 1))
    await projects.change("default", max_rate=2)
    await submit_items(store, 10_000)


async def test_other_projects_are_not_concerned(store, projects):
    await projects.change("default", max_queued_items=1)
    await submit_items(store, 50, project="other")
    await submit_items(store, 1)
    await refused(store, submit_whole(store, 1))


async def test_together_they_never_go_past_it(store, projects):
    await projects.change("default", max_queued_items=25)
    news = [new_batch(store) for _ in range(12)]
    answers = await asyncio.gather(
        *(store.store.write(submit, new, chunked(payloads(4), 2)) for new in news), return_exceptions=True
    )
    assert sum(isinstance(one, QuotaExceeded) for one in answers) == 6
    assert (await projects.show("default")).queued_items == 24
    assert len((await store.read(list_batches, "default")).batches) == 6
    assert await drain(store) == 24


# ---------------------------------------------------------------------------------------------------------- its cost


async def test_without_a_quota_a_submission_costs_no_look_of_its_own(store):
    for number in range(3):
        await submit_items(store, 5, project=f"p{number}")
    assert store.statements["virtual_time"] == 1  # says so beside what it is asked for anyway
    assert not [name for name in store.statements if "project" in name or "queue" in name or "batch_size" in name]
    assert await rows(store, "queue_change", "batch_size") == [0, 0]
    await drain(store)
    assert await rows(store, "queue_change") == [0]


async def test_with_a_quota_its_cost_does_not_grow(store, projects):
    await projects.change("default", max_queued_items=1000, max_payload_bytes=10**6, max_rate=1000)
    costs = []
    for _ in range(20):
        await submit_items(store, 2)
        costs.append(store.statements.total())
    assert len(set(costs)) == 1
    batch = await batch_of(store, await submit_items(store, 2))
    assert batch.total == 2
