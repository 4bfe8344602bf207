"""Webhook endpoints are made, changed, rotated, turned off and on; two at once lose nothing."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from stook.core.errors import Conflict, NotFound, OptionError
from stook.core.policy import TaskPolicy
from stook.core.webhook_events import DEFAULT_EVENTS, bit_of
from stook.engine.actions import Actions
from stook.engine.blobs import Blobs
from stook.engine.catalogue import Catalogue, TaskEntry
from stook.engine.deliveries import Deliveries
from stook.engine.keys import Keys
from stook.engine.maintenance import Maintenance
from stook.engine.options import Block, Options
from stook.engine.projects import Projects
from stook.engine.service import Engine
from stook.engine.webhooks import Auth, EndpointChanges, NewEndpoint, Webhooks
from stook.store.blob_rows import BlobRows
from stook.store.script.read.events import events as list_events
from stook.store.script.read.figures import read_figures
from stook.store.script.recount import recount
from tests.contract.batches import drain, submit_items
from tests.contract.hooked import OK, add_endpoint, attempt, carried, deliver, deliveries_of, events
from tests.contract.moving_clock import SECOND
from tests.contract.stores import open_store


@pytest.fixture
def webhooks(store):
    return Webhooks(store, "default")


@pytest.fixture
def engine(store):
    return Engine(store, Blobs(BlobRows(store)))


async def mask(store):
    (rows,) = await store.tables.fetch("select project, mask from webhook_hook")
    return dict(map(tuple, rows))


async def test_an_endpoint_is_shown_as_it_was_made(store, webhooks):
    new = NewEndpoint(
        id="whe_x",
        url="https://example.com/in",
        secret=b"s",
        secret_hint="whsec_…abc",
        description="for x",
        events=["execution.failed"],
        tasks=["t"],
        batches="named",
        auth=Auth("header", "X-Key"),
        auth_value=b"v",
        schemes=["vellum"],
        max_concurrency=2,
    )
    made = await webhooks.create(new)
    assert made == await webhooks.get("whe_x") == await webhooks.create(new)
    assert (made.events, made.tasks, made.batches, made.auth) == (["execution.failed"], ["t"], "named", new.auth)
    assert (made.status, made.breaker.state, made.max_concurrency, made.secret_hint) == (
        "enabled",
        "closed",
        2,
        "whsec_…abc",
    )
    assert made.created_at == made.updated_at == store.clock.now
    with pytest.raises(NotFound):
        await Webhooks(store, "other").get("whe_x")


async def test_pages_of_endpoints(store, webhooks):
    for name in "cab":
        await add_endpoint(store, name)
        store.clock.advance(1)
    first, after = await webhooks.list(limit=2)
    rest, end = await webhooks.list(after=after, limit=2)
    assert [one.id for one in (*first, *rest)] == ["whe_c", "whe_a", "whe_b"]
    assert end is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"events": ["batch.finish"]}, "did you mean 'batch.finished'"),
        ({"max_concurrency": 0}, "max_concurrency=0"),
        ({"url": ""}, "url is empty"),
        ({"tasks": [""]}, "tasks is empty"),
    ],
)
async def test_what_cannot_be_is_refused_in_words(store, options, words):
    with pytest.raises(OptionError, match=words):
        await add_endpoint(store, **options)
    assert await mask(store) == {}


async def test_what_is_changed_changes_and_the_rest_stays(store, webhooks):
    await add_endpoint(store, auth=Auth("bearer"), auth_value=b"old", description="d")
    store.clock.advance(1)
    changed = await webhooks.update("whe_a", EndpointChanges(url="https://b.example.com/", max_concurrency=1))
    assert (changed.url, changed.description, changed.max_concurrency) == ("https://b.example.com/", "d", 1)
    assert changed.updated_at == store.clock.now > changed.created_at
    changed = await webhooks.update("whe_a", EndpointChanges(auth=Auth("none")))
    assert changed.auth == Auth("none")
    (rows,) = await store.tables.fetch("select auth_value from webhook_endpoint")
    assert rows[0][0] is None
    for _ in range(4):
        await submit_items(store, 1)
    await drain(store)
    (limits,) = await store.tables.fetch("select project, max_concurrency, paused from quota")
    assert [tuple(row) for row in limits] == [("webhook/whe_a", 1, 0)]
    with pytest.raises(OptionError, match="nothing is to change"):
        await webhooks.update("whe_a", EndpointChanges())


async def test_rotation_keeps_the_old_secret_for_a_while(store, webhooks):
    await add_endpoint(store)
    rotated = await webhooks.rotate("whe_a", b"new", "hint", 60)
    assert (rotated.secret_hint, rotated.old_secret_until) == ("hint", store.clock.now + 60 * SECOND)
    for _ in range(2):
        await submit_items(store, 1)
    await drain(store)
    first, second = [row[0] for row in await deliveries_of(store, "id")]
    sending = await Deliveries(store).begin(first, 1)
    assert (sending.secret, sending.old_secret) == (b"new", b"sealed")
    store.clock.advance(60)
    assert (await Deliveries(store).begin(second, 1)).old_secret is None


async def test_off_and_on(store, webhooks):
    await add_endpoint(store)
    await add_endpoint(store, "b")
    off = await webhooks.disable("whe_a", "for now")
    assert (off.status, off.reason) == ("disabled", "for now")
    assert (await webhooks.disable("whe_a", "again")).reason == "for now"
    assert [event["type"] for event in await events(store)] == ["webhook.endpoint.disabled"]
    assert await deliveries_of(store, "endpoint_id") == [("whe_b",)]
    for act in (webhooks.test("whe_a"), webhooks.replay("whe_a")):
        with pytest.raises(Conflict, match="disabled: for now"):
            await act
    on = await webhooks.enable("whe_a")
    assert (on.status, on.reason) == ("enabled", None)
    await submit_items(store, 1)
    await drain(store)
    assert sorted(await deliveries_of(store, "endpoint_id")) == [("whe_a",), ("whe_b",), ("whe_b",)]


async def test_a_test_event_goes_to_this_endpoint_alone(store, webhooks):
    await add_endpoint(store, events=["execution.failed"])
    await add_endpoint(store, "b", events=["webhook.test"])
    delivery = await webhooks.test("whe_a")
    assert await deliveries_of(store, "id", "endpoint_id", "name") == [(delivery, "whe_a", "webhook.test")]
    assert await attempt(store, delivery, 1, OK) is not None
    detail = await webhooks.delivery(delivery)
    assert (detail.delivery.event, detail.delivery.state, detail.delivery.batch_id) == (
        "webhook.test",
        "delivered",
        None,
    )
    assert b'"type":"webhook.test"' in detail.body


async def test_the_hook_is_what_all_endpoints_want(store, webhooks):
    default = sum(map(bit_of, DEFAULT_EVENTS))
    await add_endpoint(store)
    await add_endpoint(store, "b", events=["execution.failed"])
    assert await mask(store) == {"default": default | bit_of("execution.failed")}
    await webhooks.disable("whe_a", "for now")
    assert await mask(store) == {"default": default | bit_of("execution.failed")}
    await webhooks.delete("whe_a")
    assert await mask(store) == {"default": bit_of("execution.failed")}
    await webhooks.delete("whe_b")
    assert await mask(store) == {}


async def test_two_made_at_once_are_both_hooked(store, where):
    other = await open_store(where, store.clock)
    try:
        names = ["execution.failed", "execution.expired", "execution.succeeded", "batch.paused"]
        await asyncio.gather(
            *(add_endpoint((store, other)[place % 2], f"e{place}", events=[name]) for place, name in enumerate(names))
        )
    finally:
        await other.close()
    assert await mask(store) == {"default": sum(map(bit_of, names))}


async def test_acts_are_recorded_with_them(store, webhooks):
    from stook.engine.recording import Recording
    from stook.store.script.acted import Note

    def by(kind):
        return Recording(Note(store.ids(), "default", kind, None, "whe_a", "key"))

    new = NewEndpoint(id="whe_a", url="https://x", secret=b"", secret_hint="", events=["webhook.test"])
    await webhooks.create(new, by=by("create"))
    await webhooks.test("whe_a", by=by("test"))
    await webhooks.replay("whe_a", by=by("replay"))
    with pytest.raises(NotFound):
        await webhooks.enable("whe_b", by=by("enable"))
    await webhooks.delete("whe_a", by=by("delete"))
    found = await Actions(store, "default").list()
    assert sorted((one.kind, one.affected) for one in found) == [
        ("create", 1),
        ("delete", 1),
        ("replay", 1),
        ("test", 1),
    ]


async def test_what_carries_deliveries_is_shown_to_nobody(store, webhooks, engine):
    await Projects(store).create("p", max_queued_items=1000)
    await add_endpoint(store, project="p", events=["execution.succeeded", "batch.finished"])
    batch = await submit_items(store, 5, project="p")
    await drain(store)
    assert len(await deliveries_of(store, "id")) == 6
    for project in ("p", "default"):
        found = await Engine(store, Blobs(BlobRows(store)), project=project).batches()
        assert [one.id for one in found.batches] == ([batch] if project == "p" else [])
        page = await store.read(list_events, project)
        assert [one.kind for one in page.events] == (["batch.finished"] if project == "p" else [])
    assert {one.name for one in await Projects(store).list()} - {"default"} == {"p"}
    shown = await Projects(store).show("p")
    assert (shown.queued_items, shown.queued_bytes) == (0, 0)
    await carried(store, 2)
    figures = await store.read(read_figures)
    assert [*figures.live, *figures.leases, *figures.ready] == []
    for row in (await store.tables.fetch("select id from batch"))[0]:
        assert (await store.read(recount, bytes(row[0]))).differences == []
    maintenance = Maintenance(store, engine.blobs, "p")
    assert await maintenance.recount_next() == []


async def test_names_of_stooks_own_are_refused(store, engine):
    for act in (
        partial(Engine, store, engine.blobs, project="webhook/whe_a"),
        lambda: Options(webhooks="whe_a"),
        lambda: Options(webhooks=["w"] * 21),
    ):
        with pytest.raises(OptionError):
            act()
    block = Block([b"1"])
    for waiting in (
        engine.submit_one("stook.webhook", TaskPolicy(), b"1", Options()),
        engine.submit_whole("stook.webhook", TaskPolicy(), [block], Options()),
        engine.open_batch("stook.x", TaskPolicy(), Options()),
        Projects(store).create("webhook/x"),
        Keys(store).create("webhook/x", "k", ["read"]),
    ):
        with pytest.raises(OptionError, match="stook's own"):
            await waiting
    catalogue = Catalogue(store)
    await catalogue.see([TaskEntry("stook.webhook", "stook.webhooks", TaskPolicy()), TaskEntry("t", "q", TaskPolicy())])
    assert [one.name for one in await catalogue.list()] == ["t"]


async def test_a_batch_may_name_endpoints_whichever_way_it_is_submitted(store, engine):
    await add_endpoint(store, "named", batches="named", events=["execution.succeeded"])
    options = Options(webhooks=["whe_named"])
    await engine.submit_one("t", TaskPolicy(), b"1", options)
    await engine.submit_one("t", TaskPolicy(), b"1", Options())
    await engine.submit_whole("t", TaskPolicy(), [Block([b"2"])], options)
    created = await engine.open_batch("t", TaskPolicy(), options)
    intake = await engine.intake(created, options)
    await intake.add([b"3"])
    await intake.finish()
    await engine.seal(created.id)
    await drain(store)
    assert len(await events(store)) == 3
    for act in (
        engine.submit_one("t", TaskPolicy(), b"1", Options(webhooks=["whe_x"])),
        engine.submit_whole("t", TaskPolicy(), [Block([b"2"])], Options(webhooks=["whe_x"])),
        engine.open_batch("t", TaskPolicy(), Options(webhooks=["whe_x"])),
    ):
        with pytest.raises(OptionError, match="whe_x"):
            await act


async def test_old_events_go_with_all_that_belongs_to_them_but_not_what_waits(store, webhooks, engine):
    await add_endpoint(store)
    batches = [await submit_items(store, 1) for _ in range(3)]
    await drain(store)
    await deliver(store)
    store.clock.advance(10 * 86_400)
    await submit_items(store, 1)
    await drain(store)
    maintenance = Maintenance(store, engine.blobs, "default", webhooks_kept=5 * 86_400)
    await maintenance.forget_webhooks()
    assert len(await events(store)) == len(await deliveries_of(store, "id")) == 1
    counts = await store.tables.fetch("select 1 from webhook_attempt", "select 1 from batch")
    assert [len(rows) for rows in counts] == [0, len(batches) + 2], "the last is yet to be delivered"
    store.clock.advance(10 * 86_400)
    await maintenance.forget_webhooks()
    assert [row[0] for row in await deliveries_of(store, "state")] == ["pending"]
