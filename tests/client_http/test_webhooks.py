"""`client.webhooks`, and batches that name endpoints."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

import stook
from stook.client import webhook_calls as calls
from stook.core.errors import BlockedAddress, Conflict, NoEncryptionKey, NotFound, OptionError
from stook.server.routes import ROUTES
from stook.wire.webhook import (
    ChangeWebhookEndpoint,
    NewWebhookEndpoint,
    ReplayWebhooks,
    RotateWebhookSecret,
    WebhookDeliveryQuery,
)
from tests.server.serving import serving

URL = "https://hooks.example.com/in"
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
MADE = {
    "change": calls.change("whe_1", ChangeWebhookEndpoint(description=None, url=URL)),
    "create": calls.create(NewWebhookEndpoint(url=URL)),
    "delete": calls.delete("whe_1"),
    "deliveries": calls.deliveries(
        WebhookDeliveryQuery(endpoint="whe_1", event="e", batch="b", state="dead", since=NOW, after="x", limit=3)
    ),
    "delivery": calls.delivery("dlv_1"),
    "disable": calls.disable("whe_1", "why"),
    "enable": calls.enable("whe_1"),
    "endpoint": calls.endpoint("whe_1"),
    "endpoints": calls.endpoints("whe_1", 3),
    "replay": calls.replay("whe_1", ReplayWebhooks(since=NOW, state="dead")),
    "replay_delivery": calls.replay_delivery("dlv_1"),
    "rotate": calls.rotate("whe_1", RotateWebhookSecret(overlap=3.0)),
    "test": calls.test("whe_1"),
}


def route_of(request):
    for route in ROUTES:
        pattern = re.sub(r"\{\w+(:\w+)?\}", "[^/]+", route.path)
        if route.method == request.method and re.fullmatch(pattern, f"/api/v1{request.path}"):
            return route
    raise LookupError(f"{request.method} {request.path}")


def test_all_calls_are_here():
    assert set(MADE) == set(calls.__all__)


@pytest.mark.parametrize("name", sorted(MADE))
def test_the_server_has_the_route_of_each_call(name):
    request = MADE[name]
    route = route_of(request)
    if request.query:
        msgspec.convert(dict(request.query), route.query, strict=False)
    if request.method == "POST":
        assert route.once
        assert b"idempotency-key" in dict(request.headers)
    if request.body:
        msgspec.json.decode(request.body, type=route.body)


def test_an_endpoint_from_its_creation_to_its_end(client):
    made = client.webhooks.create(URL, events=["batch.finished"], auth={"kind": "bearer", "token": "t-o-k"})
    assert (made.url, made.auth.kind, list(made.events)) == (URL, "bearer", ["batch.finished"])
    assert made.secret == made.library_secret
    assert made.secret not in repr(made)
    found = client.webhooks.get(made.id)
    assert [one.id for one in client.webhooks.list()] == [made.id]
    assert found.created_at > 1_700_000_000_000_000
    changed = client.webhooks.update(made.id, events=None, auth=None, description="mine", max_concurrency=2)
    assert (list(changed.events), changed.auth.kind, changed.max_concurrency) == ([], "none", 2)
    assert (changed.url, changed.secret_hint) == (made.url, made.secret_hint)
    rotated = client.webhooks.rotate_secret(made.id, overlap=60)
    assert rotated.secret != made.secret
    assert rotated.old_secret_until - rotated.updated_at == pytest.approx(60_000_000, abs=5_000_000)
    own = client.webhooks.rotate_secret(made.id, secret="0123456789abcdef")
    assert (own.secret, own.library_secret) == ("0123456789abcdef", "whsec_MDEyMzQ1Njc4OWFiY2RlZg==")
    delivery = client.webhooks.test(made.id)
    assert client.webhooks.disable(made.id, reason="lunch").reason == "lunch"
    with pytest.raises(Conflict):
        client.webhooks.test(made.id)
    assert client.webhooks.delivery(delivery).delivery.state == "dead"
    assert client.webhooks.enable(made.id).status == "enabled"
    assert client.webhooks.replay(made.id, since=datetime.now(UTC) + timedelta(days=1), state="dead") == 0
    assert client.webhooks.replay(made.id, since=datetime.now(UTC) - timedelta(days=1), state="dead") == 1
    assert client.webhooks.replay_delivery(delivery).run == 3
    detail = client.webhooks.delivery(delivery)
    assert detail.delivery.event == "webhook.test"
    assert msgspec.json.decode(detail.body)["id"] == detail.delivery.event_id
    client.webhooks.delete(made.id)
    with pytest.raises(NotFound):
        client.webhooks.get(made.id)


def test_coroutines_say_the_same(served):
    async def main():
        async with stook.AsyncClient(served.url, key=served.secret) as client:
            ids = [(await client.webhooks.create(URL)).id for _ in range(3)]
            assert [one.id async for one in client.webhooks.list()] == ids
            sent = [await client.webhooks.test(ids[0]) for _ in range(3)]
            assert [one.id async for one in client.webhooks.deliveries(endpoint=ids[0])] == sent[::-1]
            assert [one.id async for one in client.webhooks.deliveries(endpoint=ids[1])] == []
            assert (await client.webhooks.update(ids[2], batches="named")).batches == "named"
            await client.webhooks.delete(ids[1])
            with pytest.raises(NotFound):
                await client.webhooks.get(ids[1])

    asyncio.run(main())


def test_lists_of_any_length(client):
    ids = [client.webhooks.create(URL, description=str(number)).id for number in range(103)]
    assert [one.id for one in client.webhooks.list()] == ids
    sent = [client.webhooks.test(ids[0]) for _ in range(103)]
    assert [one.id for one in client.webhooks.deliveries()] == sent[::-1]


def test_a_lost_answer_loses_no_secret(served, proxy, cut_client):
    """The connection is cut once the server has the request: it is sent again, and answered without the secret."""
    proxy.cut_after(1)
    made = cut_client.webhooks.create(URL)
    assert [one.id for one in cut_client.webhooks.list()] == [made.id]
    assert made.secret.endswith(made.secret_hint[-4:])
    proxy.cut_all()
    proxy.cut_after(1)
    rotated = cut_client.webhooks.rotate_secret(made.id)
    assert proxy.cuts >= 2
    assert rotated.secret != made.secret
    assert rotated.secret.endswith(cut_client.webhooks.get(made.id).secret_hint[-4:])


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        ({"url": "ftp://x"}, OptionError, "the URL"),
        ({"url": "http://10.0.0.1/"}, BlockedAddress, "may not be called"),
        ({"url": URL, "events": ["batch.done"]}, OptionError, "batch.done"),
        ({"url": URL, "auth": {"kind": "basic"}}, OptionError, "auth.kind"),
        ({"url": URL, "auth": {"kind": "bearer"}}, OptionError, "token"),
        ({"url": URL, "max_concurrency": 0}, OptionError, "max_concurrency"),
        ({"url": URL, "colour": "red"}, OptionError, "colour"),
        ({"url": URL, "secret": "short"}, OptionError, "secret"),
    ],
    ids=["scheme", "address", "event", "auth", "token", "concurrency", "word", "secret"],
)
def test_what_cannot_be(client, given, kind, says):
    with pytest.raises(kind, match=re.escape(says)):
        client.webhooks.create(**given)
    assert list(client.webhooks.list()) == []


def test_times_need_a_zone(client):
    endpoint = client.webhooks.create(URL).id
    with pytest.raises(OptionError, match="since"):
        client.webhooks.replay(endpoint, since=datetime(2026, 1, 1))
    with pytest.raises(OptionError, match="since"):
        list(client.webhooks.deliveries(since=datetime(2026, 1, 1)))


@pytest.mark.postgres
def test_a_server_without_a_key(request):
    with (
        serving(request.getfixturevalue("emptied_postgres")) as served,
        stook.Client(served.url, key=served.secret) as client,
        pytest.raises(NoEncryptionKey, match="STOOK_ENCRYPTION_KEY"),
    ):
        client.webhooks.create(URL)


def test_submissions_name_endpoints(served, client, tmp_path):
    endpoint = client.webhooks.create(URL, batches="named", events=["batch.finished", "execution.succeeded"]).id
    rows = tmp_path / "rows.jsonl"
    rows.write_text("1\n")

    async def double(number: int) -> int:
        return number * 2

    def heard():
        return {one.public_batch_id for one in client.webhooks.deliveries(event="batch.finished")}

    with served.working(double=double):
        silent = client.map("double", [1])
        named = [
            client.map("double", [1], webhooks=[endpoint]),
            client.map("double", iter([1]), webhooks=(endpoint,)),
            client.map("double", rows, webhooks=[endpoint]),
        ]
        for batch in (silent, *named):
            batch.wait(20)
        single = client.submit("double", 4, wait=20, webhooks=[endpoint])
    assert heard() == {batch.id for batch in named}
    told = {one.public_execution_id for one in client.webhooks.deliveries(event="execution.succeeded")}
    assert single.id in told
    assert len(told) == 4
    for wrong in (["whe_none"], endpoint, [1], [f"{endpoint},{endpoint}"]):
        with pytest.raises(OptionError, match="webhooks"):
            client.map("double", [1], webhooks=wrong)
    assert len(list(client.batches())) == 4
