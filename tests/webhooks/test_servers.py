"""Servers as processes: they deliver, stop in order, and take over from one that was killed."""

from __future__ import annotations

import asyncio
import json
import signal
import time

import pytest
from standardwebhooks.webhooks import Webhook

from stook.config.settings import read_settings
from stook.engine.webhooks import Webhooks
from stook.webhooks.endpoint_secret import new_secret
from stook.webhooks.sealer import new_encryption_key
from stook.wiring.session import open_session
from stook.wiring.webhooks import sealer_of
from tests.cli.conftest import until
from tests.webhooks.mailbox import mailbox
from tests.webhooks.station import new_endpoint

KEY = "stk_first_" + "7" * 40


@pytest.fixture
def post():
    with mailbox() as made:
        yield made


class Store:
    """The store of these servers, from this process."""

    def __init__(self, url, **settings):
        self._settings = read_settings({}, url=url, synchronous="off", **settings)
        self.secret = new_secret()

    def _with(self, use):
        async def opened():
            async with open_session(self._settings) as session:
                return await use(session, Webhooks(session.store, "default"))

        return asyncio.run(opened())

    def endpoint(self, url, **options):
        async def create(session, webhooks):
            sealer = sealer_of(session.settings, session.store)
            await webhooks.create(new_endpoint(sealer, url, secret=self.secret, **options))

        self._with(create)

    def test(self, count=1):
        async def send(_session, webhooks):
            for _ in range(count):
                await webhooks.test("whe_a")

        self._with(send)

    def deliveries(self):
        async def read(_session, webhooks):
            return (await webhooks.deliveries(limit=200))[0]

        return self._with(read)


@pytest.fixture
def store(run, tasks):
    return Store(f"sqlite:///{tasks.folder / 'stook.db'}")


def test_up_delivers_what_its_workers_bring_about(run, store, post):
    store.endpoint(post.url)
    up = run.server("up", "tasks.py", STOOK_KEY=KEY)
    with run.client(up, KEY) as client:
        batch = client.post("/api/v1/batches", json={"task": "tasks.double", "items": [{"id": 1}]}).json()
        until(lambda: post.letters, "a delivery")
        headers, body = post.letters[0]
        event = Webhook(store.secret).verify(body, headers)
        assert (event["type"], event["data"]["batch"]["id"]) == ("batch.finished", batch["id"])
        assert client.get("/api/v1/batches").json()["data"][0]["id"] == batch["id"]
        assert len(client.get("/api/v1/batches").json()["data"]) == 1
    assert up.ended(signal.SIGTERM) == 0
    assert [one.state for one in store.deliveries()] == ["delivered"]
    assert store.secret not in up.words + up.out


def test_a_server_that_is_told_to_stop_lets_a_delivery_end(run, store, post):
    post.gate.clear()
    store.endpoint(post.url)
    serve = run.server("serve")
    store.test()
    until(lambda: post.letters, "a delivery")
    serve.tell()
    serve.says("stopping")
    post.gate.set()
    assert serve.ended() == 0
    assert [(one.state, one.attempt) for one in store.deliveries()] == [("delivered", 1)]
    assert len(post.letters) == 1


def test_and_cuts_it_off_after_the_grace_at_no_cost(run, store, post):
    post.gate.clear()
    store.endpoint(post.url)
    serve = run.server("serve", "--grace", "0")
    store.test()
    until(lambda: post.letters, "a delivery")
    assert serve.ended(signal.SIGTERM) == 0
    post.gate.set()
    run.server("serve")
    until(lambda: [one.state for one in store.deliveries()] == ["delivered"], "the delivery")
    assert [headers["x-attempt"] for headers, _ in post.letters] == ["1", "1"]


def test_what_a_killed_server_was_sending_another_sends_again(run, store, post):
    post.gate.clear()
    store.endpoint(post.url)
    killed = run.server("serve")
    store.test()
    until(lambda: post.letters, "a delivery")
    first, body = post.letters[0]
    assert store.deliveries()[0].state == "delivering"
    killed.ended(signal.SIGKILL)
    post.gate.set()
    until(lambda: time.time() > int(first["webhook-timestamp"]) + 1, "another second")
    run.server("serve")
    until(lambda: store.deliveries()[0].state == "delivered", "the delivery")
    second, again = post.letters[1]
    assert again == body
    assert second["webhook-id"] == first["webhook-id"] == json.loads(body)["id"]
    assert int(second["webhook-timestamp"]) > int(first["webhook-timestamp"])
    assert second["webhook-signature"] != first["webhook-signature"]
    Webhook(store.secret).verify(again, second)


def test_several_servers_share_the_work_and_send_nothing_twice(run, store, post):
    store.endpoint(post.url)
    for _ in range(2):
        run.server("serve")
    store.test(60)
    until(lambda: {one.state for one in store.deliveries()} == {"delivered"}, "all deliveries")
    ids = [headers["webhook-id"] for headers, _ in post.letters]
    assert len(ids) == len(set(ids)) == 60


def test_and_so_they_do_on_postgresql_under_one_key(run, installed_postgres, post):
    key = new_encryption_key()
    store = Store(installed_postgres, encryption_key=key)
    store.endpoint(post.url)
    for _ in range(2):
        run.server("serve", STOOK_URL=installed_postgres, STOOK_ENCRYPTION_KEY=key)
    store.test(30)
    until(lambda: {one.state for one in store.deliveries()} == {"delivered"}, "all deliveries")
    ids = [headers["webhook-id"] for headers, _ in post.letters]
    assert len(ids) == len(set(ids)) == 30
    Webhook(store.secret).verify(post.letters[0][1], post.letters[0][0])


def test_a_key_that_is_none_is_said_before_anything_starts(run):
    serve = run.start("serve", "--port", "0", STOOK_ENCRYPTION_KEY="hunter2")
    assert serve.ended() == 2
    assert "STOOK_ENCRYPTION_KEY holds something that is no encryption key" in serve.words
    assert "hunter2" not in serve.words
    assert "Traceback" not in serve.words
