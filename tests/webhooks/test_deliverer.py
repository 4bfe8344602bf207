"""From an event in the store to a request, and what becomes of it; the clock moves on command."""

from __future__ import annotations

import asyncio
import json

import pytest
from standardwebhooks.webhooks import Webhook

from stook.core.errors import StoreUnavailable
from stook.core.webhook_schedule import SCHEDULE
from stook.core.work import Claim
from stook.engine.maintenance import sweep_once
from stook.engine.webhooks import Auth
from stook.webhooks.endpoint_secret import new_secret
from stook.webhooks.sealer import new_encryption_key, sealer_for
from stook.webhooks.sender import Limits
from tests.webhooks.receiver import OK, Receiver, answered


def test_the_end_of_a_batch_is_sent_signed_and_recorded(here_on_either):
    here = here_on_either
    secret = new_secret()
    receiver = here.receiver()
    here.endpoint(receiver.url(), secret=secret, auth=Auth("bearer"), auth_value="hush")
    batch = here.batch()
    here.deliver()
    (request,) = receiver.requests
    event = json.loads(request.body)
    assert (event["type"], event["data"]["batch"]["id"]) == ("batch.finished", batch.id)
    assert request.headers["webhook-id"] == event["id"]
    assert request.headers["authorization"] == "Bearer hush"
    assert request.headers["x-attempt"] == "1"
    assert int(request.headers["webhook-timestamp"]) == here.clock() // 1_000_000
    expected = Webhook(secret).sign(event["id"], here.clock.now, request.body.decode())
    assert request.headers["webhook-signature"] == expected
    (delivery,) = here.shown()
    assert (delivery.state, delivery.attempt, delivery.code, delivery.error) == ("delivered", 1, 204, None)
    detail = here.detail(delivery)
    assert detail.body == request.body
    (attempt,) = detail.attempts
    assert attempt.headers["Authorization"] == "***"
    assert "hush" not in repr(detail)
    here.deliver()
    assert len(receiver.requests) == 1


def test_what_fails_is_sent_again_at_its_time_with_the_same_bytes_and_a_new_signature(here):
    answers = iter([answered("500 No", b"oops"), answered("302 Go", location="/"), OK])
    receiver = here.receiver(lambda *_: next(answers))
    here.endpoint(receiver.url())
    here.batch()
    here.deliver()
    (delivery,) = here.shown()
    assert (delivery.state, delivery.code, delivery.error) == ("failed", 500, "http_status")
    assert delivery.next_at == here.clock() + 5_000_000
    here.clock.advance(4.9)
    here.deliver()
    assert len(receiver.requests) == 1
    here.clock.advance(0.1)
    here.deliver()
    here.clock.advance(60)
    here.deliver()
    first, second, third = receiver.requests
    assert first.body == second.body == third.body
    assert [one.headers["x-attempt"] for one in receiver.requests] == ["1", "2", "3"]
    assert len({one.headers["webhook-id"] for one in receiver.requests}) == 1
    assert len({one.headers["webhook-signature"] for one in receiver.requests}) == 3
    assert len({one.headers["x-vellum-signature"] for one in receiver.requests}) == 3
    (delivery,) = here.shown()
    assert delivery.state == "delivered"
    assert [one.answer for one in here.detail(delivery).attempts] == [b"oops", b"", b""]


def test_after_the_last_attempt_it_is_dead_and_a_replay_begins_anew(here):
    receiver = here.receiver(lambda *_: answered("404 No"))
    here.endpoint(receiver.url())
    here.batch()
    for wait in SCHEDULE:
        here.clock.advance(wait)
        here.deliver()
    (delivery,) = here.shown()
    assert (delivery.state, delivery.attempt, len(receiver.requests)) == ("dead", 9, 9)
    here.clock.advance(100_000)
    here.deliver()
    assert len(receiver.requests) == 9
    here.call(here.webhooks.replay_one(delivery.id))
    here.deliver()
    assert receiver.requests[9].body == receiver.requests[0].body
    assert receiver.requests[9].headers["x-attempt"] == "1"
    assert here.shown()[0].run == 2


def test_a_receiver_that_asks_for_a_pause_gets_it(here):
    answers = iter([answered("429 Slow", retry_after="600"), OK, OK])
    receiver = here.receiver(lambda *_: next(answers))
    here.endpoint(receiver.url(), max_concurrency=1)
    here.batch()
    here.batch()
    here.deliver()
    assert len(receiver.requests) == 1
    here.clock.advance(599)
    here.deliver()
    assert len(receiver.requests) == 1
    here.clock.advance(2)
    here.deliver()
    here.clock.advance(2)
    here.deliver()
    assert [one.state for one in here.shown()] == ["delivered", "delivered"]


def test_410_ends_the_endpoint(here):
    receiver = here.receiver(lambda *_: answered("410 Gone"))
    made = here.endpoint(receiver.url())
    here.batch()
    here.deliver()
    assert here.call(here.webhooks.get(made.id)).status == "disabled"
    assert here.shown()[0].state == "dead"


def test_a_breaker_that_opened_lets_one_through_a_minute_and_a_success_closes_it(here):
    works = []
    receiver = here.receiver(lambda *_: OK if works else answered("500 No"))
    made = here.endpoint(receiver.url())
    for _ in range(30):
        here.batch()
    here.deliver()
    here.clock.advance(5)
    here.deliver()
    breaker = here.call(here.webhooks.get(made.id)).breaker
    assert breaker.state == "open"
    sent = len(receiver.requests)
    assert 20 <= sent < 60
    here.clock.advance(60)
    here.deliver()
    assert len(receiver.requests) == sent + 1
    works.append(True)
    here.clock.advance(60)
    here.deliver()
    assert here.call(here.webhooks.get(made.id)).breaker.state == "closed"
    here.clock.advance(3600)
    here.deliver()
    assert {one.state for one in here.shown(limit=100)} == {"delivered"}


def test_both_secrets_sign_until_the_overlap_ends(here):
    old, new = new_secret(), new_secret()
    receiver = here.receiver()
    made = here.endpoint(receiver.url(), secret=old)
    here.call(here.webhooks.rotate(made.id, here.sealer.seal(new.encode()), "…", 60.0))
    here.batch()
    here.deliver()
    here.clock.advance(61)
    here.batch()
    here.deliver()
    during, after = [one.headers for one in receiver.requests]
    assert len(during["webhook-signature"].split(" ")) == 2
    assert "x-vellum-signature-previous" in during
    assert len(after["webhook-signature"].split(" ")) == 1
    assert "x-vellum-signature-previous" not in after


def test_a_secret_that_no_key_opens_fails_the_attempt_and_nothing_else(here):
    receiver = here.receiver()
    here.endpoint(receiver.url())
    here.batch()
    here.deliver(sealer=sealer_for(new_encryption_key(), None))
    (delivery,) = here.shown()
    assert (delivery.state, delivery.attempt, receiver.requests) == ("failed", 1, [])
    assert delivery.error.startswith("secret_unreadable: no key in STOOK_ENCRYPTION_KEY opens this secret")
    here.clock.advance(5)
    here.deliver()
    assert here.shown()[0].state == "delivered"


def test_an_address_that_may_not_be_called_fails_the_attempt_and_follows_the_schedule(here):
    here.endpoint("http://10.0.0.1/in")
    here.batch()
    here.deliver()
    (delivery,) = here.shown()
    assert (delivery.state, delivery.code) == ("failed", None)
    assert delivery.error.startswith("blocked_address: ")


def test_a_store_that_is_away_when_the_outcome_is_recorded_is_asked_again_and_nothing_sent_twice(here, monkeypatch):
    receiver = here.receiver()
    here.endpoint(receiver.url())
    here.batch()
    record, away = here.deliveries.record, [StoreUnavailable("away"), StoreUnavailable("still away")]

    async def flaky(*arguments):
        if away:
            raise away.pop()
        return await record(*arguments)

    monkeypatch.setattr(here.deliveries, "record", flaky)
    monkeypatch.setattr("stook.webhooks.deliverer.pause_after", lambda _: 0)
    here.deliver()
    assert (here.shown()[0].state, len(receiver.requests)) == ("delivered", 1)


# ----------------------------------------------------------------------------------------------- among each other


def test_an_endpoint_that_hangs_delays_no_other(here):
    """The fast one's deliveries all arrive while every attempt at the hanging one is still under way."""
    arrived = []

    async def hang(_request, _writer):
        await asyncio.Event().wait()

    slow = here.receiver(hang)

    def answer(*_):
        arrived.append(len(slow.requests))
        return OK

    fast = here.receiver(answer)
    here.endpoint(slow.url(), name="slow")
    here.endpoint(fast.url(), name="fast")
    for _ in range(20):
        here.batch()

    async def until_fast_is_done(delivering):
        while len(arrived) < 20:
            await asyncio.sleep(0.01)
        assert not delivering.done()

    async def run():
        delivering = asyncio.ensure_future(asyncio.to_thread(here.deliver, limits=Limits(total=3)))
        await until_fast_is_done(delivering)
        done = {(one.endpoint_id, one.state) for one in (await here.webhooks.deliveries(limit=100))[0]}
        assert ("whe_slow", "delivered") not in done
        await here.leaving.aclose()
        await delivering

    here.call(run())
    assert len(fast.requests) == 20
    assert len(slow.requests) <= 8 * 3


def test_what_a_killed_server_held_is_delivered_beside_everything_else(here):
    """It is no suspect, which would wait until nothing else runs: here something runs until it has arrived."""
    arrived = asyncio.Event()

    async def until_then(_request, _writer):
        await arrived.wait()
        return OK

    hanging = here.receiver(until_then)
    receiver = here.receiver(lambda *_: (arrived.set(), OK)[1])
    here.endpoint(receiver.url())
    here.batch()
    claim = Claim(worker="killed", tasks=["stook.webhook"], items=1, idle=True, lease=5.0)
    assert here.call(here.session.new_source().claim(claim)).slices
    here.endpoint(hanging.url(), name="hanging", tasks=["other"])
    here.call(here.webhooks.test("whe_hanging"))

    async def run():
        delivering = asyncio.ensure_future(asyncio.to_thread(here.deliver, limits=Limits(total=20)))
        while not hanging.requests:
            await asyncio.sleep(0.01)
        here.clock.advance(6)
        await sweep_once(here.session.store)
        await delivering

    here.call(run())
    assert [(one.state, one.attempt) for one in here.shown()] == [("delivered", 1)] * 2


@pytest.mark.parametrize("answer", [b"\x00\xff\x00", b"HTTP/1.1 200 \xff\x00\r\n\r\n"], ids=["zeros", "reason"])
def test_whatever_a_receiver_says_can_be_stored(here_on_either, answer):
    here = here_on_either

    def say(_request, writer):
        writer.write(answer)

    receiver = here.receiver(say)
    here.endpoint(receiver.url())
    here.batch()
    here.deliver()
    assert here.shown()[0].attempt == 1


def test_bytes_of_an_answer_are_kept_as_they_are(here_on_either):
    here = here_on_either
    receiver: Receiver = here.receiver(lambda *_: answered("200 OK", b"\x00\xff" * 2000))
    here.endpoint(receiver.url())
    here.batch()
    here.deliver()
    assert here.detail(here.shown()[0]).attempts[0].answer == b"\x00\xff" * 1024
