"""Webhooks hear of hosted workflows in Vellum's words: that one has begun and how it ended, each once."""

from __future__ import annotations

import json

import pytest

from stook.core.chunk import make_chunk
from stook.core.extras import ItemExtras
from stook.core.hosted import hosted_queue, hosted_task
from stook.core.hosted_event import HostedEvent
from stook.core.ids import execution_id
from stook.core.vellum_events import FULFILLED, INITIATED, REJECTED, USAGE
from stook.core.vellum_ids import parent_span_id, release_tag_id, trace_id, workflow_deployment_id
from stook.core.webhook_events import MOST_BYTES
from stook.store.script import outbox
from stook.store.script.hosted_events import Told
from stook.store.script.hosted_place import HostedPlace
from stook.store.script.stop import cancel
from stook.store.script.submit import submit
from stook.store.script.workflow_starts import keep_and_tell
from tests.contract.batches import both, claim_all, fail, new_batch, send, succeed, take_one, trouble
from tests.contract.deployed import Hosting, app
from tests.contract.hooked import add_endpoint, deliveries_of

DEFINITION = {"id": "24e1f026-817a-4eff-8d62-1b34420bb3cf", "name": "HelloWorkflow", "module": ["hello_wf", "workflow"]}
FACTS = {"definition": DEFINITION, "module": "hello_wf", "base_url": "https://stook.example.com"}
PAYLOAD = b'{"inputs":[{"name":"name","type":"STRING","value":"Ada"}]}'
OUTPUTS = b'{"outputs":{"greeting":"hi"}}'
ALL = [INITIATED, FULFILLED, REJECTED, USAGE]


@pytest.fixture
def hosting(store, tmp_path):
    return Hosting(store, tmp_path)


async def released(hosting):
    return await hosting.deploy("LATEST", app("hello", "workflow"), facts=FACTS, dialect="vellum", runtime="vellum")


async def run(store, release, items=(PAYLOAD,), extras=None, **options):
    """The batch, of which nothing has started."""
    place = HostedPlace("vellum", "hello", "workflow", "LATEST", "v", release.id)
    words = {"task": hosted_task(release.id, "hello", "workflow"), "queue": hosted_queue("vellum", "hello")}
    new = new_batch(store, hosted=place, **words, **options)
    await store.write(submit, new, [make_chunk(list(items), extras=extras)])
    return new.id


async def take(store, release, **options):
    return await take_one(store, tasks=[hosted_task(release.id, "hello", "workflow")], **options)


def told(name, body=None, at=1_000, **more):
    whole = {"id": "x", "name": name, "timestamp": "2026-01-01T00:00:00Z", "body": {**(body or {})}, **more}
    return HostedEvent("x", name, at, json.dumps(whole).encode())


async def keep(store, batch, *events, index=0):
    await store.write(keep_and_tell, [Told(batch, index, events)])
    store.clock.advance(0.001)  # ids of events begin with the millisecond


async def heard(store):
    (rows,) = await store.tables.fetch("select id, body from webhook_event order by id")
    found = [json.loads(bytes(body)) for _, body in rows]
    assert [one["id"].replace("-", "") for one in found] == [id_.removeprefix("evt_") for id_, _ in rows]
    return found


async def test_a_run_is_two_events_in_the_words_of_its_runtime(store, hosting):
    release = await released(hosting)
    await add_endpoint(store, events=ALL[:3])
    extras = {0: ItemExtras(external_id="ext-1", metadata={"team": "x"})}
    batch = await run(store, release, extras=extras)
    one = await take(store, release)
    assert await heard(store) == []
    await keep(store, batch, told(INITIATED, {"inputs": {"name": "Ada"}, "trigger": None}, span_id="forged"))
    (begun,) = await heard(store)
    id_ = execution_id(batch, 0)
    assert (begun["name"], begun["type"], begun["sequence"]) == (INITIATED, INITIATED, 1)
    assert (begun["span_id"], begun["trace_id"], begun["links"]) == (id_, trace_id(id_), None)
    assert (begun["timestamp"], begun["api_version"]) == ("2026-01-01T00:00:00Z", "2024-10-25")
    assert begun["body"]["inputs"] == {"name": "Ada"}
    assert begun["body"]["workflow_definition"] == DEFINITION
    assert begun["body"]["workflow_class"]["name"] == "HelloWorkflow"
    parent = begun["parent"]
    assert parent | {"parent": None} == {
        "type": "WORKFLOW_RELEASE_TAG",
        "span_id": parent_span_id(id_),
        "deployment_id": workflow_deployment_id("default", "hello"),
        "deployment_name": "hello",
        "deployment_history_item_id": release.id,
        "release_tag_id": release_tag_id("default", "hello", "LATEST"),
        "release_tag_name": "LATEST",
        "workflow_version_id": release.id,
        "external_id": "ext-1",
        "metadata": {"team": "x"},
        "parent": None,
    }
    assert begun["data"] == {"parent": parent, **begun["body"]}
    await keep(store, batch, told(FULFILLED, {"outputs": {"greeting": "hi"}, "final_state": {"n": 1}}))
    await send(store, succeed(one, results=[OUTPUTS]))
    _, done = await heard(store)
    assert (done["name"], done["sequence"], done["trace_id"]) == (FULFILLED, 2, begun["trace_id"])
    assert done["body"]["outputs"] == {"greeting": "hi"}
    assert done["body"]["final_state"] == {"n": 1}
    assert done["body"]["execution_detail_url"] == f"https://stook.example.com/workflows/executions/{id_}"
    assert done["data"]["parent"]["external_id"] == "ext-1"
    assert len(await deliveries_of(store, "id")) == 2


async def test_each_is_told_once_whatever_runs_again(store, hosting):
    release = await released(hosting)
    await add_endpoint(store, events=ALL)
    batch = await run(store, release)
    one = await take(store, release)
    await keep(store, batch, told(INITIATED, {"inputs": {}}, at=1_000))
    await keep(store, batch, told(INITIATED, at=5_000), told(FULFILLED, {"outputs": {"greeting": "hi"}}, at=9_000))
    await send(store, succeed(one, results=[OUTPUTS]))
    await keep(store, batch, told(INITIATED, at=9_500))
    found = await heard(store)
    assert [event["name"] for event in found] == [INITIATED, FULFILLED, USAGE]
    assert [event["sequence"] for event in found] == [1, 2, 3]
    assert found[2]["body"]["usage"][0]["ml_model_usage"]["compute_nanos"] == 4_000_000


async def test_what_never_began_begins_and_ends_in_one_transaction(store, hosting):
    release = await released(hosting)
    await add_endpoint(store, events=ALL)
    batch = await run(store, release, [PAYLOAD] * 3)
    await store.write(cancel, batch, hard=True, reason="enough")
    found = await heard(store)
    assert [event["name"] for event in found] == [INITIATED, REJECTED] * 3
    assert [event["span_id"] for event in found] == [execution_id(batch, index) for index in (0, 0, 1, 1, 2, 2)]
    assert found[0]["body"]["inputs"] == {"name": "Ada"}
    assert found[1]["body"]["error"]["code"] == "WORKFLOW_CANCELLED"


async def test_a_cancelled_crowd_is_told_afterwards(store, hosting, monkeypatch):
    release = await released(hosting)
    monkeypatch.setattr(outbox, "AT_ONCE", 2)
    from stook.store.script.backlog import work_off_backlog

    await add_endpoint(store, events=[REJECTED])
    batch = await run(store, release, [PAYLOAD] * 3)
    await store.write(cancel, batch, hard=False, reason="enough")
    assert await heard(store) == []
    assert await store.write(work_off_backlog) == 1
    assert [event["name"] for event in await heard(store)] == [REJECTED] * 3


async def test_a_failure_is_told_as_the_runtime_does_unless_it_said_nothing(store, hosting):
    release = await released(hosting)
    await add_endpoint(store, events=[REJECTED])
    batch = await run(store, release, [PAYLOAD] * 3)
    one = await take(store, release)
    own = {"error": {"code": "NODE_EXECUTION", "message": "boom", "raw_data": None}, "stacktrace": "Traceback"}
    await keep(store, batch, told(REJECTED, own))
    rejected = trouble(0, type="NODE_EXECUTION", retryable=False)
    timed_out = trouble(1, message="took too long", type="Timeout", code="attempt_timeout", retryable=False)
    await keep(store, batch, HostedEvent("x", REJECTED, 1, b"[" * 100_000), index=2)
    broken = trouble(2, type="Whatever", retryable=False)
    await send(store, both(one, [], [rejected, timed_out, broken]))
    first, second, third = [event["body"] for event in await heard(store)]
    assert (first["error"]["message"], first["stacktrace"]) == ("boom", "Traceback")
    assert second["error"]["code"] == "WORKFLOW_TIMEOUT"
    assert third["error"] == {"code": "INTERNAL_ERROR", "message": "boom", "raw_data": None}


async def test_what_is_too_large_is_left_out_piece_by_piece(store, hosting):
    release = await released(hosting)
    await add_endpoint(store, events=[FULFILLED])
    batch = await run(store, release, [PAYLOAD] * 2)
    one = await take(store, release)
    large = "x" * MOST_BYTES
    await keep(store, batch, told(FULFILLED, {"outputs": {"greeting": "hi"}, "final_state": {"x": large}}))
    await keep(store, batch, told(FULFILLED, {"outputs": {"greeting": large}}), index=1)
    await send(store, succeed(one, results=[OUTPUTS] * 2))
    first, second = [event["body"] for event in await heard(store)]
    assert first["outputs"] == {"greeting": "hi"}
    assert "final_state" not in first
    assert "redacted" not in first
    assert (second["outputs"], second["redacted"]) == ({}, True)


async def test_an_endpoint_may_want_one_workflow_alone_and_others_hear_of_none(store, hosting):
    release = await released(hosting)
    await add_endpoint(store, "a", events=[REJECTED], tasks=["hello"])
    await add_endpoint(store, "b", events=[REJECTED], tasks=["other"])
    await add_endpoint(store, "c", events=["execution.failed"])
    await run(store, release)
    await send(store, fail(await take(store, release), retryable=False))
    assert sorted(await deliveries_of(store, "endpoint_id", "name")) == [
        ("whe_a", REJECTED),
        ("whe_c", "execution.failed"),
    ]


async def test_tasks_that_are_no_workflows_send_none(store, hosting):
    release = await released(hosting)
    await add_endpoint(store, events=ALL)
    task = hosted_task(release.id, "hello", "other")
    new = new_batch(store, task=task)
    await store.write(submit, new, [make_chunk([PAYLOAD])])
    (one,) = await claim_all(store, tasks=[task])
    await send(store, succeed(one))
    assert await heard(store) == []
