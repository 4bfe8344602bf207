"""A store with a clock that tests move, an endpoint or two, receivers, and a deliverer: all on the harness's loop."""

from __future__ import annotations

import contextlib
import itertools
from ipaddress import ip_network

from stook import App
from stook.core.webhook_events import TASK
from stook.engine.deliveries import Deliveries
from stook.engine.maintenance import sweep_once
from stook.engine.source import LocalSource
from stook.engine.webhooks import Auth, NewEndpoint, Webhooks
from stook.testing import Harness
from stook.webhooks.address_guard import AddressGuard
from stook.webhooks.deliverer import Deliverer
from stook.webhooks.endpoint_secret import new_secret, secret_hint
from stook.webhooks.sealer import new_encryption_key, sealer_for
from stook.webhooks.sender import Sender
from stook.worker.runtime import WorkerRuntime
from tests.webhooks.receiver import Receiver

__all__ = ["Station", "new_endpoint", "station"]

LOCAL = AddressGuard(allowed=(ip_network("127.0.0.0/8"),))


def new_endpoint(sealer, url, *, name="a", secret=None, auth_value=None, **options):
    secret = secret or new_secret()
    sealed = None if auth_value is None else sealer.seal(auth_value.encode())
    return NewEndpoint(
        id=f"whe_{name}",
        url=url,
        secret=sealer.seal(secret.encode()),
        secret_hint=secret_hint(secret),
        auth_value=sealed,
        **options,
    )


class Station:
    def __init__(self, harness):
        self.harness = harness
        self.clock = harness.clock
        session, portal = harness._open()
        self.session, self.call = session, portal.call
        self.sealer = sealer_for(new_encryption_key(), None)
        self.webhooks = Webhooks(session.store, session.settings.project)
        self.deliveries = Deliveries(session.store)
        self.leaving = contextlib.AsyncExitStack()
        self.numbers = itertools.count()

    def receiver(self, *answer, **options):
        return self.call(self.leaving.enter_async_context(Receiver(*answer, **options)))

    def endpoint(self, url, **options):
        return self.call(self.webhooks.create(new_endpoint(self.sealer, url, **options)))

    def batch(self, count=1):
        """One that has ended."""
        made = self.harness.app.tasks["nothing"].map(range(count))
        self.harness.run_until_idle()
        return made

    def deliver(self, *, sealer=None, **options):
        """Attempts all that is due, and what becomes due through it without the clock moving."""

        async def run():
            sender = Sender(LOCAL, clock=self.clock, **options)
            deliverer = Deliverer(self.deliveries, sealer or self.sealer, sender, draw=lambda: 0.5)
            try:
                await self.deliveries.release_due()
                while True:
                    await sweep_once(self.session.store)
                    await self.drain({TASK: deliverer.definition()})
                    if not await sweep_once(self.session.store):
                        return
            finally:
                await sender.close()

        self.call(run())

    async def drain(self, tasks):
        source = LocalSource(self.session.store, self.session.engine.blobs, still=True)
        name = f"deliverer-{next(self.numbers)}"
        runtime = WorkerRuntime(source, tasks, name=name, concurrency=256)
        async with self.session.running(runtime, name, tasks, grace=0):
            await runtime.drain()

    def shown(self, **filters):
        """Newest first."""
        return self.call(self.webhooks.deliveries(**filters))[0]

    def detail(self, delivery):
        return self.call(self.webhooks.delivery(delivery.id))

    def end(self):
        self.call(self.leaving.aclose())


@contextlib.contextmanager
def station(**options):
    app = App("test")
    app.task("nothing")(lambda item: item)
    with Harness(app, **options) as harness:
        made = Station(harness)
        try:
            yield made
        finally:
            made.end()


BEARER = Auth("bearer")
