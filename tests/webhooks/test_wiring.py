"""Delivery as a server runs it: settings reach it, and it goes on after a failure."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

from stook.config.settings import read_settings
from stook.core.errors import StoreFull
from stook.engine.webhooks import Webhooks
from stook.wiring import webhooks as module
from stook.wiring.session import open_session
from stook.wiring.webhooks import Delivery, guard_of, sealer_of
from stook.worker.runtime import WorkerRuntime
from tests.webhooks.receiver import Receiver, answered
from tests.webhooks.station import new_endpoint


def settings_of(where, **given):
    return read_settings(url=where, webhook_allow_private=True, **given)


def test_the_guard_is_what_the_settings_say():
    guard = guard_of(read_settings({"STOOK_WEBHOOK_ALLOWED_CIDRS": "10.0.0.0/8,::1/128", "STOOK_WEBHOOK_PORTS": "443"}))
    assert guard.allowed == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    assert guard.ports == {443}
    assert not guard.allow_private
    assert guard_of(read_settings({"STOOK_WEBHOOK_ALLOW_PRIVATE": "true"})).allow_private


async def delivered(session, receiver, *, sent=1):
    """Sends a test, and waits until so many requests came."""
    webhooks = Webhooks(session.store, "default")
    await webhooks.create(new_endpoint(sealer_of(session.settings, session.store), receiver.url()))
    await webhooks.test("whe_a")
    while len(receiver.requests) < sent:
        await asyncio.sleep(0.01)


async def test_the_schedule_is_what_the_settings_say(where):
    answers = iter([answered("500 No"), answered("204 Fine")])
    async with open_session(settings_of(where, webhook_schedule=(0.0, 0.0))) as session, session.maintained():
        delivery = Delivery(session, grace=5)
        delivery.start()
        async with Receiver(lambda *_: next(answers)) as receiver:
            await delivered(session, receiver, sent=2)
            await delivery.stop()


async def test_a_worker_that_cannot_go_on_is_replaced(where, monkeypatch, caplog):
    monkeypatch.setattr(module, "_LOOK", 0.01)
    monkeypatch.setattr(module, "pause_after", lambda _: 0.01)
    start, full = WorkerRuntime.start, [StoreFull("no room"), StoreFull("no room")]

    async def flaky(self):
        if len(full) == 2:
            raise full.pop()
        await start(self)
        if full:
            self._fail(full.pop())

    monkeypatch.setattr(WorkerRuntime, "start", flaky)
    async with open_session(settings_of(where)) as session:
        delivery = Delivery(session, grace=5)
        delivery.start()
        async with Receiver() as receiver:
            await delivered(session, receiver)
            await delivery.stop()
    assert caplog.text.count("webhooks are not delivered now, trying again: no room") == 2


async def test_stopping_what_never_started_and_stopping_twice(where):
    async with open_session(settings_of(where)) as session:
        before = asyncio.all_tasks()
        delivery = Delivery(session, grace=5)
        await delivery.stop()
        started = Delivery(session, grace=5)
        started.start()
        await started.stop()
        await started.stop()
        assert asyncio.all_tasks() == before
